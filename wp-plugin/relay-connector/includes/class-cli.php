<?php
/**
 * The WP-CLI commands.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector;

defined( 'ABSPATH' ) || exit;

/**
 * Sends the outbox from a real crontab, for sites whose WP-Cron is slow or off, and shows what was counted.
 */
final class Cli {

	/**
	 * The settings.
	 *
	 * @var Settings
	 */
	private $settings;

	/**
	 * The runner.
	 *
	 * @var Runner
	 */
	private $runner;

	/**
	 * The tally.
	 *
	 * @var Tally
	 */
	private $tally;

	/**
	 * Takes what it runs.
	 *
	 * @param Settings $settings The settings.
	 * @param Runner   $runner   The runner.
	 * @param Tally    $tally    The tally.
	 */
	public function __construct( Settings $settings, Runner $runner, Tally $tally ) {
		$this->settings = $settings;
		$this->runner   = $runner;
		$this->tally    = $tally;
	}

	/**
	 * Sends the events that are due, for at most 20 seconds.
	 *
	 * ## EXAMPLES
	 *
	 *     wp relay send
	 */
	public function send() {
		if ( ! $this->settings->is_configured() ) {
			\WP_CLI::error( __( 'Nothing was sent: the gateway address or the secret is missing. Set both under Settings, Relay, or in wp-config.php.', 'relay-connector' ) );
			return;
		}
		$done = $this->runner->run();
		if ( null === $done ) {
			\WP_CLI::success( __( 'Another run is sending right now; nothing is left to do here.', 'relay-connector' ) );
			return;
		}
		/* translators: %d: number of events. */
		\WP_CLI::success( sprintf( _n( '%d event was dealt with.', '%d events were dealt with.', $done, 'relay-connector' ), $done ) );
	}

	/**
	 * Shows how many events one day had: recorded and sent on that day, waiting now, dropped on that day.
	 *
	 * ## OPTIONS
	 *
	 * [--day=<day>]
	 * : The UTC day, such as 2026-11-23. Without it: yesterday.
	 *
	 * [--send]
	 * : Also sends the daily reports that the gateway does not have yet, up to yesterday's.
	 *
	 * ## EXAMPLES
	 *
	 *     wp relay report
	 *     wp relay report --day=2026-11-23
	 *     wp relay report --send
	 *
	 * @param string[] $args    Nothing.
	 * @param array    $options The options.
	 */
	public function report( $args, $options ) {
		$day = isset( $options['day'] ) ? (string) $options['day'] : gmdate( 'Y-m-d', time() - DAY_IN_SECONDS );
		$at  = strtotime( $day . ' 00:00:00 UTC' );
		if ( false === $at || gmdate( 'Y-m-d', $at ) !== $day ) {
			/* translators: %s: what was typed. */
			\WP_CLI::error( sprintf( __( '%s is not a day. Write it as in 2026-11-23.', 'relay-connector' ), $day ) );
			return;
		}
		$rows = array();
		foreach ( $this->tally->counts( $at ) as $type => $counts ) {
			$rows[] = array_merge( compact( 'day', 'type' ), $counts );
		}
		if ( $rows ) {
			\WP_CLI\Utils\format_items( 'table', $rows, array( 'day', 'type', 'fired', 'sent', 'waiting', 'dropped' ) );
		} else {
			/* translators: %s: a day. */
			\WP_CLI::log( sprintf( __( 'No events on %s, and none waiting.', 'relay-connector' ), $day ) );
		}
		if ( ! empty( $options['send'] ) ) {
			$this->send_reports();
		}
	}

	/**
	 * Sends the missing reports and says what came of it.
	 */
	private function send_reports() {
		if ( ! $this->settings->is_configured() ) {
			\WP_CLI::error( __( 'No report was sent: the gateway address or the secret is missing. Set both under Settings, Relay, or in wp-config.php.', 'relay-connector' ) );
			return;
		}
		$outcome = $this->runner->run_reports();
		if ( null === $outcome ) {
			\WP_CLI::error( __( 'No report was sent: another run is sending right now. Try again in a minute.', 'relay-connector' ) );
			return;
		}
		/* translators: %d: number of reports. */
		$taken = sprintf( _n( '%d report was taken by the gateway.', '%d reports were taken by the gateway.', $outcome['taken'], 'relay-connector' ), $outcome['taken'] );
		if ( '' !== $outcome['sentence'] ) {
			\WP_CLI::error( $taken . ' ' . $outcome['sentence'] );
			return;
		}
		\WP_CLI::success( $taken );
	}
}
