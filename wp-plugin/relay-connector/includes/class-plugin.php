<?php
/**
 * Puts the parts together.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector;

defined( 'ABSPATH' ) || exit;

/**
 * The one place that knows every part. It holds no rules of its own.
 */
final class Plugin {

	/**
	 * One class for each place that events come from. A new one is added here and nowhere else.
	 */
	const EVENT_SOURCES = array(
		Events\Comments::class,
		Events\Orders::class,
		Events\Leads::class,
		Events\Users::class,
		Events\Custom_Events::class,
	);

	/**
	 * Hooks every part into WordPress; nothing else happens while the file is loaded.
	 */
	public function add_hooks() {
		$settings = new Settings();
		$outbox   = new Outbox();
		$gate     = new Gate( $settings );
		$client   = new Client( $settings );
		$choices  = new Events\Choices();
		$sources  = array();
		foreach ( self::EVENT_SOURCES as $class ) {
			$sources[] = new $class( $settings, $outbox, $choices );
		}
		$chosen    = new Admin\Event_Settings( $choices, $sources );
		$requests  = new Erase_Requests( $outbox );
		$sources[] = $requests;
		$tally     = new Tally();
		$reports   = new Reports( $settings, $tally, $gate, $client );
		$runner    = new Runner( $settings, $outbox, $gate, $client, $sources, $reports );
		$standing  = new Standing( $settings, $outbox, $gate );
		$alarm     = new Alarm( $standing );
		$keys      = new Key_Exchange( $settings, $client );
		$wake_ups  = new Wake_Ups();

		( new Schema() )->add_hooks();
		$settings->add_hooks();
		$choices->add_hooks();
		( new Schedule( $settings, $outbox, $gate, $runner, $tally, $reports, $alarm, $wake_ups ) )->add_hooks();
		foreach ( $sources as $source ) {
			$source->add_hooks();
		}
		( new Callback( $settings, $outbox ) )->add_hooks();
		( new Summaries() )->add_hooks();
		( new Privacy( $settings, $outbox, $runner, $requests ) )->add_hooks();
		( new Site_Health( $settings, $standing, $wake_ups, $keys ) )->add_hooks();
		$test = new Connection_Test( $settings, $client, $gate, $keys, new Hops( $settings, $wake_ups ) );
		if ( is_admin() ) {
			$log_page = new Admin\Log_Page( $settings, $outbox, $runner );
			$log_page->add_hooks();
			$chosen->add_hooks();
			( new Admin\Settings_Page( $settings, $standing, $keys, $log_page, new Admin\Report_Line( $settings, $tally, $reports ) ) )->add_hooks();
			( new Admin\Actions( $test, $keys ) )->add_hooks();
			( new Admin\Notices( $standing ) )->add_hooks();
			( new Admin\Widget( $settings, $standing, $tally ) )->add_hooks();
		}
		if ( defined( 'WP_CLI' ) && WP_CLI ) {
			$command = new Cli( $settings, $runner, $tally, $outbox, $standing, $test, $alarm );
			\WP_CLI::add_command( 'relay', $command );
			\WP_CLI::add_command( 'relay-connector', $command );
		}

		add_action( 'init', array( $this, 'load_translations' ) );
		register_activation_hook( RELAY_CONNECTOR_FILE, array( Schema::class, 'install' ) );
		register_deactivation_hook( RELAY_CONNECTOR_FILE, array( Schedule::class, 'clear' ) );
	}

	/**
	 * Loads the translations that came with the plugin. Not before init: later versions of the core object to that.
	 */
	public function load_translations() {
		load_plugin_textdomain( 'relay-connector', false, dirname( plugin_basename( RELAY_CONNECTOR_FILE ) ) . '/languages' );
	}
}
