<?php
/**
 * When the outbox is sent.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector;

defined( 'ABSPATH' ) || exit;

/**
 * Three wake-ups: after the answer has gone to the visitor, where the server can do that; every minute by WP-Cron;
 * and the WP-CLI command for hosts with a real crontab.
 */
final class Schedule {

	const EVERY_MINUTE = 'relay_connector_send';
	const SOON         = 'relay_connector_send_soon';
	const DAILY        = 'relay_connector_purge';

	/**
	 * What one visitor's PHP process may do after its answer has gone: it is missing for the next visitor meanwhile.
	 */
	const SHUTDOWN_TIMEOUT_S = 5;
	const SHUTDOWN_ROWS      = 5;

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
	 * The reports.
	 *
	 * @var Reports
	 */
	private $reports;

	/**
	 * The e-mail to the admin.
	 *
	 * @var Alarm
	 */
	private $alarm;

	/**
	 * Whether this request has had its run.
	 *
	 * @var bool
	 */
	private $has_run = false;

	/**
	 * Takes what it wakes.
	 *
	 * @param Settings $settings The settings.
	 * @param Outbox   $outbox   The outbox.
	 * @param Runner   $runner   The runner.
	 * @param Tally    $tally    The tally.
	 * @param Reports  $reports  The reports.
	 * @param Alarm    $alarm    The e-mail to the admin.
	 */
	public function __construct( Settings $settings, Outbox $outbox, Runner $runner, Tally $tally, Reports $reports, Alarm $alarm ) {
		$this->settings = $settings;
		$this->outbox   = $outbox;
		$this->runner   = $runner;
		$this->tally    = $tally;
		$this->reports  = $reports;
		$this->alarm    = $alarm;
	}

	/**
	 * Hooks the wake-ups in.
	 */
	public function add_hooks() {
		// phpcs:ignore WordPress.WP.CronInterval -- an empty run costs a handful of small queries.
		add_filter( 'cron_schedules', array( $this, 'add_interval' ) );
		add_action( 'init', array( $this, 'keep_scheduled' ) );
		add_action( self::EVERY_MINUTE, array( $this, 'run' ) );
		add_action( self::SOON, array( $this, 'run' ) );
		add_action( self::DAILY, array( $this, 'purge' ) );
		add_action( 'shutdown', array( $this, 'after_request' ), PHP_INT_MAX );
	}

	/**
	 * Adds the interval.
	 *
	 * @param array $intervals What WP-Cron knows.
	 * @return array
	 */
	public function add_interval( $intervals ) {
		$intervals['relay_connector_minute'] = array(
			'interval' => 60,
			'display'  => __( 'Every minute (Relay Connector)', 'relay-connector' ),
		);
		return $intervals;
	}

	/**
	 * Puts the periodic events in, once the connection is set up; some tools empty the cron list.
	 */
	public function keep_scheduled() {
		if ( ! $this->settings->collects_events() ) {
			return;
		}
		if ( ! wp_next_scheduled( self::EVERY_MINUTE ) ) {
			wp_schedule_event( time(), 'relay_connector_minute', self::EVERY_MINUTE );
			$this->reports->begin();
		}
		if ( ! wp_next_scheduled( self::DAILY ) ) {
			wp_schedule_event( time() + HOUR_IN_SECONDS, 'daily', self::DAILY );
		}
	}

	/**
	 * One run by WP-Cron. Both of its events are often due in the same request: one run has then done all that can be.
	 */
	public function run() {
		if ( ! $this->has_run ) {
			$this->has_run = true;
			Wake_Ups::note_run();
			try {
				$this->runner->run();
			} finally {
				$this->alarm->look();
			}
		}
	}

	/**
	 * At the end of a request that has noted an event down: sends at once if the visitor has already been answered,
	 * otherwise leaves it to WP-Cron. "Non-blocking" requests are no way out: they wait for the gateway too.
	 */
	public function after_request() {
		if ( ! $this->outbox->has_new() ) {
			return;
		}
		if ( ! wp_next_scheduled( self::SOON ) ) {
			wp_schedule_single_event( time(), self::SOON );
		}
		if ( wp_doing_cron() || ! self::can_finish_first() ) {
			return;
		}
		ignore_user_abort( true );
		if ( PHP_SESSION_ACTIVE === session_status() ) {
			// An open session would make this visitor's next page wait.
			session_write_close();
		}
		if ( function_exists( 'fastcgi_finish_request' ) ) {
			fastcgi_finish_request();
		} else {
			litespeed_finish_request();
		}
		$this->runner->run( self::SHUTDOWN_TIMEOUT_S, self::SHUTDOWN_ROWS );
		$this->alarm->look();
	}

	/**
	 * Deletes the rows of finished events after their time, once their day is counted.
	 */
	public function purge() {
		$old = time() - DAY_IN_SECONDS * $this->settings->retention_days();
		$this->outbox->purge( min( $this->tally->close(), $old ) );
		Callback_Claim::purge( $old );
	}

	/**
	 * Whether this server can answer a visitor before the script ends.
	 *
	 * @return bool
	 */
	public static function can_finish_first() {
		return function_exists( 'fastcgi_finish_request' ) || function_exists( 'litespeed_finish_request' );
	}

	/**
	 * Takes every event out of WP-Cron.
	 */
	public static function clear() {
		foreach ( array( self::EVERY_MINUTE, self::SOON, self::DAILY ) as $hook ) {
			wp_unschedule_hook( $hook );
		}
	}
}
