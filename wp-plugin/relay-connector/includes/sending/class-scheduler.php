<?php
/**
 * When the outbox is sent.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Sending;

use Relay_Connector\Results\Delivery_Claim;
use Relay_Connector\Services;
use Relay_Connector\Settings;

defined( 'ABSPATH' ) || exit;

/**
 * Three triggers: the end of a request, after the response was sent, if the server supports it; WP-Cron, when something
 * is due; and the WP-CLI command, for hosts with a system crontab.
 */
final class Scheduler {

	/**
	 * REGULAR is only a safety net: a WP-Cron run costs a visitor time, so runs are scheduled only when something is
	 * due.
	 */
	const REGULAR = 'relay_connector_send';
	const SOON    = 'relay_connector_send_soon';
	const NEXT    = 'relay_connector_send_next';
	const DAILY   = 'relay_connector_purge';

	const INTERVAL   = 'relay_connector_quarter';
	const SHORTEST_S = 60;
	const REGULAR_S  = 900;

	/**
	 * Limits for sending at the end of a visitor's request: meanwhile the PHP process cannot serve the next visitor.
	 */
	const SHUTDOWN_TIMEOUT_S = 5;
	const SHUTDOWN_ROWS      = 5;

	/**
	 * Before event sources finish what they hold, so that the visitor does not wait for it, but after WordPress has written
	 * the response.
	 */
	const BEFORE_SOURCES = 999;

	/**
	 * The plugin's objects.
	 *
	 * @var Services
	 */
	private $services;

	/**
	 * Whether this request has had its run.
	 *
	 * @var bool
	 */
	private $has_run = false;

	/**
	 * Whether the connection was changed in this request, so that held events can be sent.
	 *
	 * @var bool
	 */
	private $is_changed = false;

	/**
	 * Whether the plugin was deactivated or deleted in this request. Then nothing may be scheduled any more.
	 *
	 * @var bool
	 */
	private static $is_off = false;

	/**
	 * Takes the plugin's objects. Most requests need none but the settings and the outbox.
	 *
	 * @param Services $services The objects.
	 */
	public function __construct( Services $services ) {
		$this->services = $services;
	}

	/**
	 * Registers the triggers.
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
		add_action( self::REGULAR, array( __CLASS__, 'forget_sent' ) );
		add_action( 'update_option_' . Settings::SHOW_SENT_H, array( Outbox::class, 'forget_old_sent' ) );
		add_action( 'shutdown', array( $this, 'end_response' ), self::BEFORE_SOURCES );
		add_action( 'shutdown', array( $this, 'after_request' ), PHP_INT_MAX );
	}

	/**
	 * Adds the interval. WooCommerce asks for the intervals before translations may be loaded.
	 *
	 * @param array $intervals The intervals of WP-Cron.
	 * @return array
	 */
	public function add_interval( $intervals ) {
		$intervals[ self::INTERVAL ] = array(
			'interval' => self::REGULAR_S,
			'display'  => did_action( 'init' ) ? __( 'Every 15 minutes (Relay Connector)', 'relay-connector' ) : 'Every 15 minutes (Relay Connector)',
		);
		return $intervals;
	}

	/**
	 * Schedules the recurring events once the connection is set up. Runs on each request, because some tools empty the
	 * cron list.
	 */
	public function ensure_scheduled() {
		if ( ! $this->services->settings()->collects_events() ) {
			return;
		}
		if ( self::INTERVAL !== wp_get_schedule( self::REGULAR ) ) {
			wp_unschedule_hook( self::REGULAR );
			wp_schedule_event( time(), self::INTERVAL, self::REGULAR );
			$this->services->reports()->start();
		}
		if ( ! wp_next_scheduled( self::DAILY ) ) {
			wp_schedule_event( time() + HOUR_IN_SECONDS, 'daily', self::DAILY );
		}
	}

	/**
	 * Runs once per request, even if several of the plugin's cron events are due.
	 */
	public function run() {
		if ( ! $this->has_run ) {
			$this->has_run = true;
			Triggers::note_run();
			if ( $this->services->outbox()->next_due() ) {
				// If PHP is killed during the run, WP-Cron returns to what it has claimed.
				wp_schedule_single_event( time() + Outbox::CLAIM_S + self::SHORTEST_S, self::NEXT );
			}
			try {
				$this->services->runner()->run();
			} finally {
				$this->services->email_alert()->send_if_due();
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
	 * Sends the response to the visitor before anything else, if this request has recorded an event.
	 */
	public function end_response() {
		if ( $this->services->outbox()->has_new() && ! wp_doing_cron() && self::can_finish_response() ) {
			self::finish_response();
		}
	}

	/**
	 * Runs at the end of each request: sends new events and schedules the next run.
	 */
	public function after_request() {
		if ( $this->services->outbox()->has_new() ) {
			$this->services->outbox()->release_held();
			$this->send_new();
		}
		if ( self::$is_off ) {
			return;
		}
		if ( $this->is_changed || ( $this->services->is_made( 'runner' ) && $this->services->runner()->has_run() ) ) {
			$this->schedule_next();
		}
		// Without WP-Cron, only requests can send the alert. Admin requests end here too.
		if ( $this->services->settings()->collects_events() && $this->services->triggers()->claim_alert_check() ) {
			self::finish_response();
			$this->services->email_alert()->send_if_due();
		}
	}

	/**
	 * Runs at the end of a request that has recorded an event: sends at once if the response was sent first, otherwise
	 * leaves it to WP-Cron. "Non-blocking" requests do not help, because they wait for the gateway too.
	 */
	private function send_new() {
		if ( wp_doing_cron() || ! self::can_finish_response() ) {
			if ( ! wp_next_scheduled( self::SOON ) ) {
				wp_schedule_single_event( time(), self::SOON );
			}
			return;
		}
		// If PHP is killed meanwhile, the regular run sends what is left.
		self::finish_response();
		$this->services->runner()->run( self::SHUTDOWN_TIMEOUT_S, self::SHUTDOWN_ROWS, $this->services->outbox()->new_objects() );
	}

	/**
	 * Schedules the next run for when the next row or report is due.
	 */
	private function schedule_next() {
		if ( ! $this->services->settings()->collects_events() ) {
			return;
		}
		$reports = $this->services->reports()->state();
		$due     = $this->services->settings()->is_configured() ? array_filter( array( $this->services->outbox()->next_due(), $reports ? (int) $reports['due_at'] : 0 ) ) : array();
		$wanted  = $due ? max( time() + self::SHORTEST_S, $this->services->breaker()->allows_sending_at(), min( $due ) ) : 0;
		$planned = (int) wp_next_scheduled( self::NEXT );
		if ( $planned !== $wanted ) {
			wp_unschedule_hook( self::NEXT );
			if ( $wanted ) {
				wp_schedule_single_event( $wanted, self::NEXT );
			}
		}
	}

	/**
	 * Sends the complete response to the visitor, if the server supports it.
	 */
	private static function finish_response() {
		ignore_user_abort( true );
		if ( PHP_SESSION_ACTIVE === session_status() ) {
			// An open session would block this visitor's next request.
			session_write_close();
		}
		if ( function_exists( 'fastcgi_finish_request' ) ) {
			fastcgi_finish_request();
		} elseif ( function_exists( 'litespeed_finish_request' ) ) {
			litespeed_finish_request();
		}
	}

	/**
	 * Deletes the rows of finished events after the retention time, once their day is counted.
	 */
	public function purge() {
		$old = time() - DAY_IN_SECONDS * $this->services->settings()->retention_days();
		$this->services->outbox()->purge( min( $this->services->daily_counts()->close_days(), $old ) );
		Delivery_Claim::purge( $old );
	}

	/**
	 * Deletes the content of sent events in time, if it is stored at all.
	 */
	public static function forget_sent() {
		if ( Settings::show_sent_hours() > 0 ) {
			Outbox::forget_old_sent();
		}
	}

	/**
	 * Whether this server can send the response before the script ends.
	 *
	 * @return bool
	 */
	public static function can_finish_response() {
		return function_exists( 'fastcgi_finish_request' ) || function_exists( 'litespeed_finish_request' );
	}

	/**
	 * Removes all of the plugin's cron events.
	 */
	public static function clear() {
		self::$is_off = true;
		foreach ( array( self::REGULAR, self::SOON, self::NEXT, self::DAILY ) as $hook ) {
			wp_unschedule_hook( $hook );
		}
	}
}
