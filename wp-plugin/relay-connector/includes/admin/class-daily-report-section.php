<?php
/**
 * The daily report on the settings page.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Admin;

use Relay_Connector\Reporting\Daily_Counts;
use Relay_Connector\Reporting\Daily_Reports;
use Relay_Connector\Settings;

defined( 'ABSPATH' ) || exit;

/**
 * One line on the settings page: yesterday's numbers and whether the gateway has received them.
 */
final class Daily_Report_Section {

	/**
	 * The settings.
	 *
	 * @var Settings
	 */
	private $settings;

	/**
	 * The daily counts.
	 *
	 * @var Daily_Counts
	 */
	private $daily_counts;

	/**
	 * The daily reports.
	 *
	 * @var Daily_Reports
	 */
	private $reports;

	/**
	 * Takes the status.
	 *
	 * @param Settings      $settings     The settings.
	 * @param Daily_Counts  $daily_counts The daily counts.
	 * @param Daily_Reports $reports      The daily reports.
	 */
	public function __construct( Settings $settings, Daily_Counts $daily_counts, Daily_Reports $reports ) {
		$this->settings     = $settings;
		$this->daily_counts = $daily_counts;
		$this->reports      = $reports;
	}

	/**
	 * Prints the section, once reports have started.
	 */
	public function render() {
		$state = $this->settings->collects_events() ? $this->reports->state() : null;
		if ( null === $state ) {
			return;
		}
		?>
		<h2 id="relay-connector-count"><?php esc_html_e( 'Daily counts', 'relay-connector' ); ?></h2>
		<p id="relay-connector-report"><?php echo esc_html( $this->numbers() . ' ' . $this->report( $state ) ); ?></p>
		<p class="description"><?php esc_html_e( 'Once a day these numbers are sent to the gateway, by event type and without personal data, so that you can compare both sides.', 'relay-connector' ); ?></p>
		<?php
	}

	/**
	 * Yesterday's numbers.
	 *
	 * @return string
	 */
	private function numbers() {
		$totals = $this->daily_counts->totals( Daily_Counts::day_start( time() ) - DAY_IN_SECONDS );
		$text   = sprintf(
			/* translators: 1: number of events recorded, 2: number sent, 3: number waiting. */
			__( 'Yesterday (UTC): %1$s recorded, %2$s sent, %3$s waiting.', 'relay-connector' ),
			number_format_i18n( $totals['fired'] ),
			number_format_i18n( $totals['sent'] ),
			number_format_i18n( $totals['waiting'] )
		);
		if ( $totals['dropped'] ) {
			/* translators: %s: number of events. */
			$text .= ' ' . sprintf( __( 'No longer to be sent: %s.', 'relay-connector' ), number_format_i18n( $totals['dropped'] ) );
		}
		return $text;
	}

	/**
	 * Whether the gateway has received them.
	 *
	 * @param array $state What Daily_Reports::state() returns.
	 * @return string
	 */
	private function report( array $state ) {
		$today = Daily_Counts::day_start( time() );
		if ( $state['next'] >= $today ) {
			return $state['taken_at'] >= $today
				/* translators: %s: a time of day. */
				? sprintf( __( 'The gateway accepted the report at %s.', 'relay-connector' ), $this->clock_time( $state['taken_at'] ) )
				: __( 'The first report is sent to the gateway tomorrow.', 'relay-connector' );
		}
		if ( $state['refused'] ) {
			/* translators: %d: HTTP status. */
			return sprintf( __( 'This gateway does not accept daily reports (status %d), so no reports are sent for now. Events are not affected. Update the gateway; reports resume automatically within a week.', 'relay-connector' ), $state['refused'] );
		}
		if ( '' !== $state['sentence'] ) {
			return __( 'The report has not reached the gateway yet. It is retried automatically.', 'relay-connector' ) . ' ' . $state['sentence'];
		}
		/* translators: %s: a time of day. */
		return sprintf( __( 'The report is sent to the gateway at about %s.', 'relay-connector' ), $this->clock_time( max( time(), $state['due_at'] ) ) );
	}

	/**
	 * A time of day in the site's format.
	 *
	 * @param int $time Unix seconds.
	 * @return string
	 */
	private function clock_time( $time ) {
		return (string) wp_date( get_option( 'time_format' ), $time );
	}
}
