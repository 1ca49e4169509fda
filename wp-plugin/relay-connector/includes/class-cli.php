<?php
/**
 * The WP-CLI command.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector;

defined( 'ABSPATH' ) || exit;

/**
 * Sends the outbox from a real crontab, for sites whose WP-Cron is slow or off.
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
	 * Takes what it runs.
	 *
	 * @param Settings $settings The settings.
	 * @param Runner   $runner   The runner.
	 */
	public function __construct( Settings $settings, Runner $runner ) {
		$this->settings = $settings;
		$this->runner   = $runner;
	}

	/**
	 * Sends the events that are due, for at most 20 seconds.
	 *
	 * ## EXAMPLES
	 *
	 *     wp relay-connector send
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
}
