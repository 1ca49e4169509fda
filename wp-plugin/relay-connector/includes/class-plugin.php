<?php
/**
 * Creates the plugin's objects and connects them.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector;

use Relay_Connector\Admin\Admin_Actions;
use Relay_Connector\Admin\Admin_Notices;
use Relay_Connector\Admin\Daily_Report_Section;
use Relay_Connector\Admin\Dashboard_Widget;
use Relay_Connector\Admin\Event_Settings_Section;
use Relay_Connector\Admin\Events_Page;
use Relay_Connector\Admin\Settings_Page;
use Relay_Connector\Events\Comments;
use Relay_Connector\Events\Custom_Events;
use Relay_Connector\Events\Event_Choices;
use Relay_Connector\Events\Leads;
use Relay_Connector\Events\Orders;
use Relay_Connector\Events\Users;
use Relay_Connector\Keys\Key_Exchange;
use Relay_Connector\Privacy\Erasure_Requests;
use Relay_Connector\Privacy\Privacy_Tools;
use Relay_Connector\Reporting\Daily_Counts;
use Relay_Connector\Reporting\Daily_Reports;
use Relay_Connector\Results\Comment_Summaries;
use Relay_Connector\Results\Result_Callback;
use Relay_Connector\Sending\Circuit_Breaker;
use Relay_Connector\Sending\Gateway_Client;
use Relay_Connector\Sending\Outbox;
use Relay_Connector\Sending\Outbox_Runner;
use Relay_Connector\Sending\Scheduler;
use Relay_Connector\Sending\Triggers;
use Relay_Connector\Status\Connection_Steps;
use Relay_Connector\Status\Connection_Test;
use Relay_Connector\Status\Email_Alert;
use Relay_Connector\Status\Site_Health;
use Relay_Connector\Status\Status;

defined( 'ABSPATH' ) || exit;

/**
 * The only class that knows all the others. It has no rules of its own.
 */
final class Plugin {

	/**
	 * The event sources. Add a new one here.
	 */
	const EVENT_SOURCES = array(
		Comments::class,
		Orders::class,
		Leads::class,
		Users::class,
		Custom_Events::class,
	);

	/**
	 * Registers all hooks. Nothing else happens while the file is loaded.
	 */
	public function add_hooks() {
		$settings = new Settings();
		$outbox   = new Outbox();
		$breaker  = new Circuit_Breaker( $settings );
		$client   = new Gateway_Client( $settings );
		$choices  = new Event_Choices();
		$sources  = array();
		foreach ( self::EVENT_SOURCES as $class ) {
			$sources[] = new $class( $settings, $outbox, $choices );
		}
		$event_settings = new Event_Settings_Section( $choices, $sources );
		$requests       = new Erasure_Requests( $outbox );
		$sources[]      = $requests;
		$daily_counts   = new Daily_Counts();
		$reports        = new Daily_Reports( $settings, $daily_counts, $breaker, $client );
		$runner         = new Outbox_Runner( $settings, $outbox, $breaker, $client, $sources, $reports );
		$status         = new Status( $settings, $outbox, $breaker );
		$email_alert    = new Email_Alert( $status );
		$keys           = new Key_Exchange( $settings, $client );
		$triggers       = new Triggers();

		( new Schema() )->add_hooks();
		$settings->add_hooks();
		$choices->add_hooks();
		( new Scheduler( $settings, $outbox, $breaker, $runner, $daily_counts, $reports, $email_alert, $triggers ) )->add_hooks();
		foreach ( $sources as $source ) {
			$source->add_hooks();
		}
		( new Result_Callback( $settings, $outbox ) )->add_hooks();
		( new Comment_Summaries() )->add_hooks();
		( new Privacy_Tools( $settings, $outbox, $runner, $requests ) )->add_hooks();
		( new Site_Health( $settings, $status, $triggers, $keys ) )->add_hooks();
		$test = new Connection_Test( $settings, $client, $breaker, $keys, new Connection_Steps( $settings, $triggers ) );
		if ( is_admin() ) {
			$log_page = new Events_Page( $settings, $outbox, $runner );
			$log_page->add_hooks();
			$event_settings->add_hooks();
			( new Settings_Page( $settings, $status, $keys, $log_page, new Daily_Report_Section( $settings, $daily_counts, $reports ) ) )->add_hooks();
			( new Admin_Actions( $test, $keys ) )->add_hooks();
			( new Admin_Notices( $status ) )->add_hooks();
			( new Dashboard_Widget( $settings, $status, $daily_counts ) )->add_hooks();
		}
		if ( defined( 'WP_CLI' ) && WP_CLI ) {
			$command = new Cli( $settings, $runner, $daily_counts, $outbox, $status, $test, $email_alert );
			\WP_CLI::add_command( 'relay', $command );
			\WP_CLI::add_command( 'relay-connector', $command );
		}

		add_action( 'init', array( $this, 'load_translations' ) );
		register_activation_hook( RELAY_CONNECTOR_FILE, array( Schema::class, 'install' ) );
		register_deactivation_hook( RELAY_CONNECTOR_FILE, array( Scheduler::class, 'clear' ) );
	}

	/**
	 * Loads the translations that ship with the plugin. WordPress 6.7 and later require init or a later hook.
	 */
	public function load_translations() {
		load_plugin_textdomain( 'relay-connector', false, dirname( plugin_basename( RELAY_CONNECTOR_FILE ) ) . '/languages' );
	}
}
