<?php
/**
 * When the outbox is sent.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Sending;

use Relay_Connector\Reporting\Daily_Counts;
use Relay_Connector\Reporting\Daily_Reports;
use Relay_Connector\Results\Delivery_Claim;
use Relay_Connector\Settings;
use Relay_Connector\Status\Email_Alert;

defined( 'ABSPATH' ) || exit;

/**
 * Three wake-ups: after the answer has gone to the visitor, where the server can do that; by WP-Cron, when something is
 * due; and the WP-CLI command for hosts with a real crontab.
 */
final class Scheduler {

	/**
	 * The first one is only there to be safe: waking WP-Cron costs a visitor time, so it is not done without need.
	 */
	const REGULAR = 'relay_connector_send';
	const SOON    = 'relay_connector_send_soon';
	const NEXT    = 'relay_connector_send_next';
	const DAILY   = 'relay_connector_purge';

	const INTERVAL   = 'relay_connector_quarter';
	const SHORTEST_S = 60;
	const REGULAR_S  = 900;

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
	 * The gate.
	 *
	 * @var Circuit_Breaker
	 */
	private $breaker;

	/**
	 * The runner.
	 *
	 * @var Outbox_Runner
	 */
	private $runner;

	/**
	 * The tally.
	 *
	 * @var Daily_Counts
	 */
	private $daily_counts;

	/**
	 * The reports.
	 *
	 * @var Daily_Reports
	 */
	private $reports;

	/**
	 * The e-mail to the admin.
	 *
	 * @var Email_Alert
	 */
	private $email_alert;

	/**
	 * The wake-ups.
	 *
	 * @var Triggers
	 */
	private $triggers;

	/**
	 * Whether this request has had its run.
	 *
	 * @var bool
	 */
	private $has_run = false;

	/**
	 * Whether the connection was changed in this request, so that what was held up may go.
	 *
	 * @var bool
	 */
	private $is_changed = false;

	/**
	 * Whether the plugin was switched off or removed in this request, which must leave nothing behind then.
	 *
	 * @var bool
	 */
	private static $is_off = false;

	/**
	 * Takes what it wakes.
	 *
	 * @param Settings        $settings     The settings.
	 * @param Outbox          $outbox       The outbox.
	 * @param Circuit_Breaker $breaker      The gate.
	 * @param Outbox_Runner   $runner       The runner.
	 * @param Daily_Counts    $daily_counts The tally.
	 * @param Daily_Reports   $reports      The reports.
	 * @param Email_Alert     $email_alert  The e-mail to the admin.
	 * @param Triggers        $triggers     The wake-ups.
	 */
	public function __construct( Settings $settings, Outbox $outbox, Circuit_Breaker $breaker, Outbox_Runner $runner, Daily_Counts $daily_counts, Daily_Reports $reports, Email_Alert $email_alert, Triggers $triggers ) {
		$this->settings     = $settings;
		$this->outbox       = $outbox;
		$this->breaker      = $breaker;
		$this->runner       = $runner;
		$this->daily_counts = $daily_counts;
		$this->reports      = $reports;
		$this->email_alert  = $email_alert;
		$this->triggers     = $triggers;
	}

	/**
	 * Hooks the wake-ups in.
	 */
	public function add_hooks() {
		add_filter( 'cron_schedules', array( $this, 'add_interval' ) );
		add_action( 'init', array( $this, 'ensure_scheduled' ) );
		add_action( self::REGULAR, array( $this, 'run' ) );
		add_action( self::SOON, array( $this, 'run' ) );
		add_action( self::NEXT, array( $this, 'run' ) );
		foreach ( array( Settings::ENDPOINT, Settings::KEY_ID, Settings::SECRET ) as $option ) {
			add_action( 'add_option_' . $option, array( $this, 'on_connection_change' ) );
			add_action( 'update_option_' . $option, array( $this, 'on_connection_change' ) );
		}
		add_action( 'delete_option_' . Circuit_Breaker::OPTION, array( $this, 'on_connection_change' ) );
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
		$intervals[ self::INTERVAL ] = array(
			'interval' => self::REGULAR_S,
			'display'  => __( 'Every 15 minutes (Relay Connector)', 'relay-connector' ),
		);
		return $intervals;
	}

	/**
	 * Puts the periodic events in, once the connection is set up; some tools empty the cron list.
	 */
	public function ensure_scheduled() {
		if ( ! $this->settings->collects_events() ) {
			return;
		}
		if ( self::INTERVAL !== wp_get_schedule( self::REGULAR ) ) {
			wp_unschedule_hook( self::REGULAR );
			wp_schedule_event( time(), self::INTERVAL, self::REGULAR );
			$this->reports->start();
		}
		if ( ! wp_next_scheduled( self::DAILY ) ) {
			wp_schedule_event( time() + HOUR_IN_SECONDS, 'daily', self::DAILY );
		}
	}

	/**
	 * One run by WP-Cron. Several of its events are often due in the same request: one run has then done all that can be.
	 */
	public function run() {
		if ( ! $this->has_run ) {
			$this->has_run = true;
			Triggers::note_run();
			if ( $this->outbox->next_due() ) {
				// Should PHP be killed in the middle, WP-Cron comes back for what this run has claimed.
				wp_schedule_single_event( time() + Outbox::CLAIM_S + self::SHORTEST_S, self::NEXT );
			}
			try {
				$this->runner->run();
			} finally {
				$this->email_alert->send_if_due();
			}
		}
	}

	/**
	 * The connection was changed, or a pause has ended.
	 */
	public function on_connection_change() {
		$this->is_changed = true;
	}

	/**
	 * At the end of each request: deals with what it has brought.
	 */
	public function after_request() {
		if ( $this->outbox->has_new() ) {
			$this->send_new();
		}
		if ( self::$is_off ) {
			return;
		}
		if ( $this->is_changed || $this->runner->has_run() ) {
			$this->schedule_next();
		}
		// Without WP-Cron nobody else would write to the admin; pages of the admin end here too.
		if ( $this->settings->collects_events() && $this->triggers->claim_alert_check() ) {
			self::finish_response();
			$this->email_alert->send_if_due();
		}
	}

	/**
	 * At the end of a request that has noted an event down: sends at once if the visitor has already been answered,
	 * otherwise leaves it to WP-Cron. "Non-blocking" requests are no way out: they wait for the gateway too.
	 */
	private function send_new() {
		if ( ! wp_next_scheduled( self::SOON ) ) {
			wp_schedule_single_event( time(), self::SOON );
		}
		if ( wp_doing_cron() || ! self::can_finish_response() ) {
			return;
		}
		self::finish_response();
		$this->runner->run( self::SHUTDOWN_TIMEOUT_S, self::SHUTDOWN_ROWS );
		$this->email_alert->send_if_due();
	}

	/**
	 * Has WP-Cron come back when the next row or report is due, and not before.
	 */
	private function schedule_next() {
		if ( ! $this->settings->collects_events() ) {
			return;
		}
		$reports = $this->reports->state();
		$due     = $this->settings->is_configured() ? array_filter( array( $this->outbox->next_due(), $reports ? (int) $reports['due_at'] : 0 ) ) : array();
		$wanted  = $due ? max( time() + self::SHORTEST_S, $this->breaker->allows_sending_at(), min( $due ) ) : 0;
		$planned = (int) wp_next_scheduled( self::NEXT );
		if ( $planned !== $wanted ) {
			wp_unschedule_hook( self::NEXT );
			if ( $wanted ) {
				wp_schedule_single_event( $wanted, self::NEXT );
			}
		}
	}

	/**
	 * Gives the visitor the whole answer, where the server can do that.
	 */
	private static function finish_response() {
		ignore_user_abort( true );
		if ( PHP_SESSION_ACTIVE === session_status() ) {
			// An open session would make this visitor's next page wait.
			session_write_close();
		}
		if ( function_exists( 'fastcgi_finish_request' ) ) {
			fastcgi_finish_request();
		} elseif ( function_exists( 'litespeed_finish_request' ) ) {
			litespeed_finish_request();
		}
	}

	/**
	 * Deletes the rows of finished events after their time, once their day is counted.
	 */
	public function purge() {
		$old = time() - DAY_IN_SECONDS * $this->settings->retention_days();
		$this->outbox->purge( min( $this->daily_counts->close_days(), $old ) );
		Delivery_Claim::purge( $old );
	}

	/**
	 * Whether this server can answer a visitor before the script ends.
	 *
	 * @return bool
	 */
	public static function can_finish_response() {
		return function_exists( 'fastcgi_finish_request' ) || function_exists( 'litespeed_finish_request' );
	}

	/**
	 * Takes every event out of WP-Cron.
	 */
	public static function clear() {
		self::$is_off = true;
		foreach ( array( self::REGULAR, self::SOON, self::NEXT, self::DAILY ) as $hook ) {
			wp_unschedule_hook( $hook );
		}
	}
}
