<?php
/**
 * The Events tab on the settings page.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Admin;

use Relay_Connector\Sending\Outbox;
use Relay_Connector\Sending\Outbox_Query;
use Relay_Connector\Sending\Outbox_Runner;
use Relay_Connector\Settings;

defined( 'ABSPATH' ) || exit;

/**
 * Lists every stored event, with filters and with buttons for one, several or all matching events.
 */
final class Events_Page {

	const TAB        = 'events';
	const PER_PAGE   = 'relay_connector_per_page';
	const USUAL_SIZE = 20;
	const NONCE      = 'relay_connector_events';

	/**
	 * The settings.
	 *
	 * @var Settings
	 */
	private $settings;

	/**
	 * The outbox.
	 *
	 * @var Outbox
	 */
	private $outbox;

	/**
	 * The runner.
	 *
	 * @var Outbox_Runner
	 */
	private $runner;

	/**
	 * Takes what the page shows and uses.
	 *
	 * @param Settings      $settings The settings.
	 * @param Outbox        $outbox   The outbox.
	 * @param Outbox_Runner $runner   The runner.
	 */
	public function __construct( Settings $settings, Outbox $outbox, Outbox_Runner $runner ) {
		$this->settings = $settings;
		$this->outbox   = $outbox;
		$this->runner   = $runner;
	}

	/**
	 * Registers the page's hooks.
	 */
	public function add_hooks() {
		add_action( 'load-settings_page_' . Settings_Page::SLUG, array( $this, 'load' ) );
		add_filter( 'set_screen_option_' . self::PER_PAGE, array( $this, 'sanitize_page_size' ), 10, 3 );
	}

	/**
	 * The page's URL.
	 *
	 * @return string
	 */
	public static function url() {
		return add_query_arg( 'tab', self::TAB, Settings_Page::url() );
	}

	/**
	 * The URL of what was sent with an event.
	 *
	 * @param int $id The row.
	 * @return string
	 */
	public static function content_url( $id ) {
		return add_query_arg( 'event', (int) $id, self::url() );
	}

	/**
	 * Whether this tab is open.
	 *
	 * @return bool
	 */
	public static function is_open() {
		return isset( $_GET['tab'] ) && self::TAB === sanitize_key( wp_unslash( $_GET['tab'] ) ); // phpcs:ignore WordPress.Security.NonceVerification.Recommended -- Only says what to show. Changes are posted, with a nonce.
	}

	/**
	 * Runs before the page is printed: handles a button, or sets up the screen options.
	 */
	public function load() {
		if ( ! self::is_open() || ! current_user_can( Settings_Page::capability() ) ) {
			return;
		}
		if ( isset( $_POST[ self::NONCE ] ) ) { // phpcs:ignore WordPress.Security.NonceVerification.Missing -- handle_post() checks it.
			$this->handle_post();
		}
		add_screen_option(
			'per_page',
			array(
				'label'   => __( 'Events per page', 'relay-connector' ),
				'default' => self::USUAL_SIZE,
				'option'  => self::PER_PAGE,
			)
		);
		add_filter( 'manage_' . get_current_screen()->id . '_columns', array( Events_Table::class, 'columns' ) );
	}

	/**
	 * Sanitizes the number of events per page.
	 *
	 * @param mixed  $old    The value that would be stored.
	 * @param string $option The option.
	 * @param mixed  $value  The value entered.
	 * @return int
	 */
	public function sanitize_page_size( $old, $option, $value ) {
		return max( 1, min( 500, (int) $value ) );
	}

	/**
	 * Prints the tab.
	 */
	public function render() {
		if ( isset( $_GET['event'] ) ) { // phpcs:ignore WordPress.Security.NonceVerification.Recommended -- Only says what to show. Changes are posted, with a nonce.
			Outbox::forget_old_sent();
			Event_Content::render( $this->outbox->find( absint( wp_unslash( $_GET['event'] ) ) ) ); // phpcs:ignore WordPress.Security.NonceVerification.Recommended -- Only says what to show. Changes are posted, with a nonce.
			return;
		}
		$query = self::requested_query();
		$table = new Events_Table( $query, $this->runner );
		$table->prepare_items();
		$table->views();
		?>
		<form method="get" action="<?php echo esc_url( admin_url( 'options-general.php' ) ); ?>">
			<input type="hidden" name="page" value="<?php echo esc_attr( Settings_Page::SLUG ); ?>">
			<input type="hidden" name="tab" value="<?php echo esc_attr( self::TAB ); ?>">
			<input type="hidden" name="state" value="<?php echo esc_attr( $query->state ); ?>">
			<p class="relay-connector-filter">
				<label class="screen-reader-text" for="relay-connector-type"><?php esc_html_e( 'Event type', 'relay-connector' ); ?></label>
				<select name="type" id="relay-connector-type">
					<option value=""><?php esc_html_e( 'All types', 'relay-connector' ); ?></option>
					<?php foreach ( Outbox_Query::types() as $type ) : ?>
						<option value="<?php echo esc_attr( $type ); ?>" <?php selected( $query->type, $type ); ?>><?php echo esc_html( $type ); ?></option>
					<?php endforeach; ?>
				</select>
				<label class="screen-reader-text" for="relay-connector-word"><?php esc_html_e( 'Event ID or number', 'relay-connector' ); ?></label>
				<input type="search" name="s" id="relay-connector-word" value="<?php echo esc_attr( $query->word ); ?>" placeholder="<?php esc_attr_e( 'Event ID or number', 'relay-connector' ); ?>">
				<button type="submit" class="button"><?php esc_html_e( 'Filter', 'relay-connector' ); ?></button>
			</p>
		</form>
		<form method="post" action="<?php echo esc_url( self::url_of( $query ) ); ?>">
			<?php
			wp_nonce_field( self::NONCE, self::NONCE );
			$table->display();
			?>
		</form>
		<?php
	}

	/**
	 * The query that the URL asks for.
	 *
	 * @return Outbox_Query
	 */
	private static function requested_query() {
		$state = isset( $_GET['state'] ) ? sanitize_key( wp_unslash( $_GET['state'] ) ) : ''; // phpcs:ignore WordPress.Security.NonceVerification.Recommended -- Only says what to show. Changes are posted, with a nonce.
		$type  = isset( $_GET['type'] ) ? sanitize_text_field( wp_unslash( $_GET['type'] ) ) : ''; // phpcs:ignore WordPress.Security.NonceVerification.Recommended -- Only says what to show. Changes are posted, with a nonce.
		$word  = isset( $_GET['s'] ) ? sanitize_text_field( wp_unslash( $_GET['s'] ) ) : ''; // phpcs:ignore WordPress.Security.NonceVerification.Recommended -- Only says what to show. Changes are posted, with a nonce.
		return new Outbox_Query( $state, $type, $word );
	}

	/**
	 * The URL of a list.
	 *
	 * @param Outbox_Query $query The query.
	 * @return string
	 */
	private static function url_of( Outbox_Query $query ) {
		$parts = array(
			'state' => $query->state,
			'type'  => rawurlencode( $query->type ),
			's'     => rawurlencode( $query->word ),
		);
		return add_query_arg( array_filter( $parts, 'strlen' ), self::url() );
	}

	/**
	 * Handles a button, then shows the list again. load() has checked the capability.
	 */
	private function handle_post() {
		check_admin_referer( self::NONCE, self::NONCE );
		$query = self::requested_query();
		if ( isset( $_POST['relay_connector_all'] ) ) {
			$this->redirect( $query, $this->send_all( $query->retry_all() ) );
		}
		if ( isset( $_POST['relay_connector_send'] ) ) {
			$this->redirect( $query, $this->send_one( absint( wp_unslash( $_POST['relay_connector_send'] ) ) ) );
		}
		if ( isset( $_POST['relay_connector_delete'] ) ) {
			$this->redirect( $query, $this->delete( array( absint( wp_unslash( $_POST['relay_connector_delete'] ) ) ) ) );
		}
		$rows   = isset( $_POST['rows'] ) ? wp_parse_id_list( wp_unslash( $_POST['rows'] ) ) : array();
		$action = isset( $_POST['action'] ) ? sanitize_key( wp_unslash( $_POST['action'] ) ) : '';
		if ( '-1' === $action || '' === $action ) {
			$action = isset( $_POST['action2'] ) ? sanitize_key( wp_unslash( $_POST['action2'] ) ) : '';
		}
		if ( ! $rows || ! in_array( $action, array( 'send', 'delete' ), true ) ) {
			$this->redirect( $query, self::outcome( false, __( 'Nothing was done.', 'relay-connector' ), __( 'Select events first, then choose an action.', 'relay-connector' ) ) );
		}
		$this->redirect( $query, 'delete' === $action ? $this->delete( $rows ) : $this->send_all( count( array_filter( $rows, array( $this->outbox, 'retry' ) ) ) ) );
	}

	/**
	 * Sends one row now.
	 *
	 * @param int $id The row.
	 * @return array The result.
	 */
	private function send_one( $id ) {
		if ( ! $this->settings->is_configured() ) {
			return self::outcome( false, __( 'Not sent.', 'relay-connector' ), __( 'The gateway address or the secret is missing. Enter both and save first.', 'relay-connector' ) );
		}
		$decision = $this->outbox->retry( $id ) ? $this->runner->run_one( $id ) : null;
		if ( null === $decision ) {
			return self::outcome( false, __( 'Not sent.', 'relay-connector' ), __( 'The event is already finished, or another run is sending right now. Check the list again in a minute.', 'relay-connector' ) );
		}
		$is_sent = Outbox::SENT === $decision->state;
		return self::outcome( $is_sent, $is_sent ? __( 'Sent.', 'relay-connector' ) : __( 'Not sent.', 'relay-connector' ), $decision->explanation );
	}

	/**
	 * Sends as many of the requeued rows as one run can. Later runs send the rest.
	 *
	 * @param int $count How many rows were requeued.
	 * @return array The result.
	 */
	private function send_all( $count ) {
		if ( ! $count ) {
			return self::outcome( false, __( 'Nothing was done.', 'relay-connector' ), __( 'None of these events can be sent, because they are already finished.', 'relay-connector' ) );
		}
		$this->runner->run();
		$left = ( new Outbox_Query() )->count_unfinished();
		/* translators: %s: number of events. */
		$text = sprintf( _n( '%s event was queued again.', '%s events were queued again.', $count, 'relay-connector' ), number_format_i18n( $count ) );
		if ( ! $left ) {
			return self::outcome( true, __( 'Done.', 'relay-connector' ), $text . ' ' . __( 'All events have been sent.', 'relay-connector' ) );
		}
		/* translators: %s: number of events. */
		return self::outcome( true, __( 'In progress.', 'relay-connector' ), $text . ' ' . sprintf( _n( '%s event has not been sent yet. The list shows why. Waiting events are sent automatically.', '%s events have not been sent yet. The list shows why. Waiting events are sent automatically.', $left, 'relay-connector' ), number_format_i18n( $left ) ) );
	}

	/**
	 * Deletes rows.
	 *
	 * @param int[] $ids The rows.
	 * @return array The result.
	 */
	private function delete( array $ids ) {
		$done = count( array_filter( $ids, array( $this->outbox, 'delete' ) ) );
		if ( ! $done ) {
			return self::outcome( false, __( 'Nothing was deleted.', 'relay-connector' ), __( 'Only waiting and failed events can be deleted, and none of these is waiting or failed any more.', 'relay-connector' ) );
		}
		/* translators: %s: number of events. */
		return self::outcome( true, __( 'Deleted.', 'relay-connector' ), sprintf( _n( '%s event was removed from the list and will not be sent.', '%s events were removed from the list and will not be sent.', $done, 'relay-connector' ), number_format_i18n( $done ) ) );
	}

	/**
	 * Stores the result and redirects to the list.
	 *
	 * @param Outbox_Query $query   The query to show again.
	 * @param array        $outcome The result.
	 */
	private function redirect( Outbox_Query $query, array $outcome ) {
		Action_Result::store( $outcome );
		wp_safe_redirect( self::url_of( $query ) );
		exit;
	}

	/**
	 * Builds a result.
	 *
	 * @param bool   $passed Whether it succeeded.
	 * @param string $title  A short title.
	 * @param string $text   The explanation.
	 * @return array
	 */
	private static function outcome( $passed, $title, $text ) {
		return compact( 'passed', 'title', 'text' );
	}
}
