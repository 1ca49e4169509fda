<?php
/**
 * The newest events.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Admin;

use Relay_Connector\Outbox;
use Relay_Connector\Runner;

defined( 'ABSPATH' ) || exit;

/**
 * A plain table: what, in which state, how often tried, what the gateway said, and one button.
 */
final class Outbox_List {

	const ROWS = 20;

	/**
	 * The outbox.
	 *
	 * @var Outbox
	 */
	private $outbox;

	/**
	 * The runner, which knows the event sources.
	 *
	 * @var Runner
	 */
	private $runner;

	/**
	 * Takes what it shows.
	 *
	 * @param Outbox $outbox The outbox.
	 * @param Runner $runner The runner.
	 */
	public function __construct( Outbox $outbox, Runner $runner ) {
		$this->outbox = $outbox;
		$this->runner = $runner;
	}

	/**
	 * The table.
	 */
	public function render() {
		$rows = $this->outbox->newest( self::ROWS );
		?>
		<h2 id="relay-connector-events"><?php esc_html_e( 'Newest events', 'relay-connector' ); ?></h2>
		<?php if ( ! $rows ) : ?>
			<p class="relay-connector-empty"><?php esc_html_e( 'No events yet. The next comment that is approved shows up here.', 'relay-connector' ); ?></p>
			<?php
			return;
		endif;
		?>
		<table class="widefat striped relay-connector-events" aria-labelledby="relay-connector-events">
			<thead>
				<tr>
					<th scope="col"><?php esc_html_e( 'Event', 'relay-connector' ); ?></th>
					<th scope="col"><?php esc_html_e( 'State', 'relay-connector' ); ?></th>
					<th scope="col"><?php esc_html_e( 'Attempts', 'relay-connector' ); ?></th>
					<th scope="col"><?php esc_html_e( 'Last answer', 'relay-connector' ); ?></th>
					<th scope="col"><span class="screen-reader-text"><?php esc_html_e( 'Actions', 'relay-connector' ); ?></span></th>
				</tr>
			</thead>
			<tbody>
				<?php
				foreach ( $rows as $row ) {
					$this->render_row( $row );
				}
				?>
			</tbody>
		</table>
		<?php
	}

	/**
	 * One row.
	 *
	 * @param object $row The row, without its body.
	 */
	private function render_row( $row ) {
		$about = $this->runner->describe( $row );
		?>
		<tr class="relay-connector-<?php echo esc_attr( $row->state ); ?>">
			<td>
				<?php if ( '' !== $about['url'] ) : ?>
					<a href="<?php echo esc_url( $about['url'] ); ?>"><?php echo esc_html( $about['label'] ); ?></a>
				<?php else : ?>
					<?php echo esc_html( $about['label'] ); ?>
				<?php endif; ?>
				<div class="relay-connector-small"><?php echo esc_html( $row->event_type ); ?> · <?php echo esc_html( wp_date( get_option( 'date_format' ) . ' ' . get_option( 'time_format' ), (int) $row->created_at ) ); ?></div>
				<div class="relay-connector-small"><code><?php echo esc_html( $row->event_id ); ?></code></div>
			</td>
			<td data-label="<?php esc_attr_e( 'State', 'relay-connector' ); ?>">
				<span class="relay-connector-state"><?php echo esc_html( $this->state( $row ) ); ?></span>
				<?php if ( Outbox::WAITING === $row->state && (int) $row->due_at > time() ) : ?>
					<div class="relay-connector-small">
						<?php
						/* translators: %s: a length of time. */
						echo esc_html( sprintf( __( 'next try in %s', 'relay-connector' ), human_time_diff( (int) $row->due_at ) ) );
						?>
					</div>
				<?php endif; ?>
			</td>
			<td data-label="<?php esc_attr_e( 'Attempts', 'relay-connector' ); ?>"><?php echo esc_html( number_format_i18n( (int) $row->attempts ) ); ?></td>
			<td data-label="<?php esc_attr_e( 'Last answer', 'relay-connector' ); ?>"><?php echo esc_html( '' === (string) $row->last_answer ? __( 'Not tried yet.', 'relay-connector' ) : $row->last_answer ); ?></td>
			<td class="relay-connector-actions"><?php $this->render_buttons( $row ); ?></td>
		</tr>
		<?php
	}

	/**
	 * What can be done with a row.
	 *
	 * @param object $row The row.
	 */
	private function render_buttons( $row ) {
		if ( Outbox::WAITING === $row->state && (int) $row->claimed_until <= time() ) {
			$this->render_button( $row, Actions::SEND, __( 'Send now', 'relay-connector' ), 'button button-small' );
		} elseif ( Outbox::PARKED === $row->state ) {
			$this->render_button( $row, Actions::SEND, __( 'Try again', 'relay-connector' ), 'button button-small' );
			$this->render_button( $row, Actions::DELETE, __( 'Delete', 'relay-connector' ), 'button-link button-link-delete' );
		}
	}

	/**
	 * One button in its form.
	 *
	 * @param object $row       The row.
	 * @param string $action    One of the constants of Actions.
	 * @param string $label     What it says.
	 * @param string $css_class How it looks.
	 */
	private function render_button( $row, $action, $label, $css_class ) {
		?>
		<form action="<?php echo esc_url( admin_url( 'admin-post.php' ) ); ?>" method="post">
			<input type="hidden" name="action" value="<?php echo esc_attr( $action ); ?>">
			<input type="hidden" name="row" value="<?php echo esc_attr( $row->id ); ?>">
			<?php wp_nonce_field( $action, '_wpnonce', true ); ?>
			<button type="submit" class="<?php echo esc_attr( $css_class ); ?>"><?php echo esc_html( $label ); ?></button>
		</form>
		<?php
	}

	/**
	 * A row's state for people.
	 *
	 * @param object $row The row.
	 * @return string
	 */
	private function state( $row ) {
		switch ( $row->state ) {
			case Outbox::SENT:
				return __( 'Sent', 'relay-connector' );
			case Outbox::PARKED:
				return __( 'Parked', 'relay-connector' );
			case Outbox::WITHDRAWN:
				return __( 'Not to be sent', 'relay-connector' );
		}
		return (int) $row->claimed_until > time() ? __( 'Being sent', 'relay-connector' ) : __( 'Waiting', 'relay-connector' );
	}
}
