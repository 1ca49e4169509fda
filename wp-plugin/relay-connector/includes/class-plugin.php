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
	);

	/**
	 * Hooks every part into WordPress; nothing else happens while the file is loaded.
	 */
	public function add_hooks() {
		$settings = new Settings();
		$outbox   = new Outbox();
		$gate     = new Gate( $settings );
		$client   = new Client( $settings );
		$sources  = array();
		foreach ( self::EVENT_SOURCES as $class ) {
			$sources[] = new $class( $settings, $outbox );
		}
		$tally    = new Tally();
		$reports  = new Reports( $settings, $tally, $gate, $client );
		$runner   = new Runner( $settings, $outbox, $gate, $client, $sources, $reports );
		$schedule = new Schedule( $settings, $outbox, $runner, $tally, $reports );

		( new Schema() )->add_hooks();
		$settings->add_hooks();
		$schedule->add_hooks();
		foreach ( $sources as $source ) {
			$source->add_hooks();
		}
		if ( is_admin() ) {
			$diagnosis = new Diagnosis( $settings );
			$test      = new Connection_Test( $settings, $client, $gate, $diagnosis );
			$list      = new Admin\Outbox_List( $outbox, $runner );
			( new Admin\Settings_Page( $settings, $outbox, $gate, $list, new Admin\Report_Line( $settings, $tally, $reports ) ) )->add_hooks();
			( new Admin\Actions( $settings, $outbox, $runner, $test ) )->add_hooks();
			( new Admin\Notices( $settings, $outbox, $gate ) )->add_hooks();
		}
		if ( defined( 'WP_CLI' ) && WP_CLI ) {
			$command = new Cli( $settings, $runner, $tally );
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
