<?php
/**
 * What an admin has to be told.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Admin;

use Relay_Connector\Status\Lost_Events;
use Relay_Connector\Status\Status;

defined( 'ABSPATH' ) || exit;

/**
 * Says so on each admin page when sending has stopped or is late: nobody looks at a settings page unasked.
 */
final class Admin_Notices {

	/**
	 * The standing.
	 *
	 * @var Status
	 */
	private $standing;

	/**
	 * Takes what it tells about.
	 *
	 * @param Status $standing The standing.
	 */
	public function __construct( Status $standing ) {
		$this->standing = $standing;
	}

	/**
	 * Hooks the notices in.
	 */
	public function add_hooks() {
		add_action( 'admin_notices', array( $this, 'render' ) );
	}

	/**
	 * The notices, for those who can do something about it.
	 */
	public function render() {
		if ( ! current_user_can( Settings_Page::capability() ) ) {
			return;
		}
		foreach ( $this->standing->problems() as $problem ) {
			$this->notice( $problem['level'], $problem['title'], $problem['text'] );
		}
		$trouble = Lost_Events::read();
		if ( $trouble ) {
			$this->render_trouble( $trouble );
		}
	}

	/**
	 * One notice. The core's own function for it is younger than the oldest version that we run on.
	 *
	 * @param string $type  Either error or warning.
	 * @param string $title In a few words.
	 * @param string $text  In sentences.
	 */
	private function notice( $type, $title, $text ) {
		?>
		<div class="notice notice-<?php echo esc_attr( $type ); ?> relay-connector-notice">
			<p><strong><?php echo esc_html( $title ); ?></strong> <?php echo esc_html( $text ); ?>
			<?php if ( ! $this->is_own_page() ) : ?>
				<a href="<?php echo esc_url( Events_Page::url() ); ?>"><?php esc_html_e( 'Open the Relay page', 'relay-connector' ); ?></a>
			<?php endif; ?>
			</p>
		</div>
		<?php
	}

	/**
	 * Events that could not even be noted down.
	 *
	 * @param array $trouble With count, at, detail.
	 */
	private function render_trouble( array $trouble ) {
		?>
		<div class="notice notice-error relay-connector-notice">
			<p>
				<?php if ( $trouble['count'] ) : ?>
				<strong><?php esc_html_e( 'Relay: events were lost.', 'relay-connector' ); ?></strong>
				<?php
				/* translators: 1: number of events, 2: technical detail. */
				echo esc_html( sprintf( _n( '%1$d event could not be noted down, because this site\'s database did not take it (%2$s). Ask your host whether the database is full or damaged; switching the plugin off and on again repairs its table.', '%1$d events could not be noted down, because this site\'s database did not take them (last: %2$s). Ask your host whether the database is full or damaged; switching the plugin off and on again repairs its table.', $trouble['count'], 'relay-connector' ), $trouble['count'], $trouble['detail'] ) );
				?>
				<?php else : ?>
				<strong><?php esc_html_e( 'Relay: another plugin got in the way.', 'relay-connector' ); ?></strong>
					<?php
					/* translators: %s: technical detail. */
					echo esc_html( sprintf( __( 'An event was sent, but afterwards something went wrong on this site (%s). No event is lost. Most likely another plugin is at fault: switch off the last one you added or updated.', 'relay-connector' ), $trouble['detail'] ) );
					?>
				<?php endif; ?>
			</p>
			<form action="<?php echo esc_url( admin_url( 'admin-post.php' ) ); ?>" method="post">
				<input type="hidden" name="action" value="<?php echo esc_attr( Admin_Actions::FORGET ); ?>">
				<?php wp_nonce_field( Admin_Actions::FORGET ); ?>
				<p><button type="submit" class="button"><?php esc_html_e( 'I have read this', 'relay-connector' ); ?></button></p>
			</form>
		</div>
		<?php
	}

	/**
	 * Whether the admin is on our page already.
	 *
	 * @return bool
	 */
	private function is_own_page() {
		$screen = get_current_screen();
		return $screen && 'settings_page_' . Settings_Page::SLUG === $screen->id;
	}
}
