<?php
/**
 * The dashboard widget.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Admin;

use Relay_Connector\Reporting\Daily_Counts;
use Relay_Connector\Settings;
use Relay_Connector\Status\Status;

defined( 'ABSPATH' ) || exit;

/**
 * Today's numbers, the number of waiting events, and one sentence about the status.
 */
final class Dashboard_Widget {

	/**
	 * The settings.
	 *
	 * @var Settings
	 */
	private $settings;

	/**
	 * The status.
	 *
	 * @var Status
	 */
	private $status;

	/**
	 * The daily counts.
	 *
	 * @var Daily_Counts
	 */
	private $daily_counts;

	/**
	 * Takes what it shows.
	 *
	 * @param Settings     $settings     The settings.
	 * @param Status       $status       The status.
	 * @param Daily_Counts $daily_counts The daily counts.
	 */
	public function __construct( Settings $settings, Status $status, Daily_Counts $daily_counts ) {
		$this->settings     = $settings;
		$this->status       = $status;
		$this->daily_counts = $daily_counts;
	}

	/**
	 * Registers the widget.
	 */
	public function add_hooks() {
		add_action( 'wp_dashboard_setup', array( $this, 'add' ) );
	}

	/**
	 * Adds the widget, for users who may change the settings.
	 */
	public function add() {
		if ( current_user_can( Settings_Page::capability() ) && $this->settings->collects_events() ) {
			wp_add_dashboard_widget( 'relay_connector', __( 'Relay', 'relay-connector' ), array( $this, 'render' ) );
		}
	}

	/**
	 * Prints the widget.
	 */
	public function render() {
		$summary  = $this->status->summary();
		$today    = $this->daily_counts->totals( Daily_Counts::day_start( time() ) );
		$problems = $this->status->problems();
		$facts    = array(
			__( 'Sent today (UTC)', 'relay-connector' ) => $today['sent'],
			__( 'Waiting', 'relay-connector' )          => $summary->waiting,
			__( 'Need attention', 'relay-connector' ) => $summary->parked,
		);
		?>
		<ul>
			<?php foreach ( $facts as $label => $count ) : ?>
				<li><?php echo esc_html( $label ); ?>: <strong><?php echo esc_html( number_format_i18n( $count ) ); ?></strong></li>
			<?php endforeach; ?>
		</ul>
		<p><?php echo esc_html( $problems ? $problems[0]['title'] . ' ' . $problems[0]['text'] : __( 'No problems: no events are late.', 'relay-connector' ) ); ?></p>
		<p><a href="<?php echo esc_url( Events_Page::url() ); ?>"><?php esc_html_e( 'View events', 'relay-connector' ); ?></a></p>
		<?php
	}
}
