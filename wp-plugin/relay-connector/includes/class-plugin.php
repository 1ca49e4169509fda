<?php
/**
 * Connects the plugin's objects to WordPress.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector;

use Relay_Connector\Admin\Admin_Actions;
use Relay_Connector\Admin\Admin_Notices;
use Relay_Connector\Admin\Connection_Section;
use Relay_Connector\Admin\Daily_Report_Section;
use Relay_Connector\Admin\Dashboard_Widget;
use Relay_Connector\Admin\Event_Settings_Section;
use Relay_Connector\Admin\Events_Page;
use Relay_Connector\Admin\Other_Forms_Page;
use Relay_Connector\Admin\Settings_Page;
use Relay_Connector\Admin\Welcome;
use Relay_Connector\Events\Comments;
use Relay_Connector\Events\Coupons;
use Relay_Connector\Events\Custom_Events;
use Relay_Connector\Events\Customers;
use Relay_Connector\Events\Event_Choices;
use Relay_Connector\Events\Leads;
use Relay_Connector\Events\Order_Changes;
use Relay_Connector\Events\Orders;
use Relay_Connector\Events\Posts;
use Relay_Connector\Events\Products;
use Relay_Connector\Events\Stock;
use Relay_Connector\Events\Subscriptions;
use Relay_Connector\Events\Users;
use Relay_Connector\Listening\Form_Listener;
use Relay_Connector\Sending\Outbox;
use Relay_Connector\Sending\Scheduler;

defined( 'ABSPATH' ) || exit;

/**
 * Knows which objects need which hooks. It has no rules of its own.
 */
final class Plugin {

	/**
	 * The event sources. Add a new one here.
	 */
	const EVENT_SOURCES = array(
		Comments::class,
		Orders::class,
		Order_Changes::class,
		Products::class,
		Stock::class,
		Customers::class,
		Coupons::class,
		Subscriptions::class,
		Leads::class,
		Users::class,
		Posts::class,
		Custom_Events::class,
	);

	/**
	 * Hooks of objects that few requests need: hook, name in Services, method, number of arguments. The object is created
	 * when the hook fires.
	 */
	const RARE_HOOKS = array(
		array( 'rest_api_init', 'result_callback', 'add_route', 1 ),
		array( 'relay_connector_result', 'comment_summaries', 'store', 4 ),
		array( 'manage_edit-comments_columns', 'comment_summaries', 'add_column', 1 ),
		array( 'manage_comments_custom_column', 'comment_summaries', 'render', 2 ),
		array( 'wp_privacy_personal_data_exporters', 'privacy_tools', 'add_exporter', 1 ),
		array( 'wp_privacy_personal_data_erasers', 'privacy_tools', 'add_eraser', 1 ),
		array( 'admin_init', 'privacy_tools', 'add_policy_text', 1 ),
		array( 'site_status_tests', 'site_health', 'add_tests', 1 ),
		array( 'debug_information', 'site_health', 'add_facts', 1 ),
		array( 'rest_api_init', 'site_health', 'add_route', 1 ),
	);

	/**
	 * The cookie of a browser that the plugin listens to.
	 */
	const LISTEN_COOKIE = 'relay_connector_listen';

	/**
	 * Registers all hooks. Nothing else happens while the file is loaded.
	 */
	public function add_hooks() {
		$services = new Services( self::EVENT_SOURCES );
		( new Schema() )->add_hooks();
		$services->settings()->add_hooks();
		$services->choices()->add_hooks();
		( new Scheduler( $services ) )->add_hooks();
		$this->add_sources( $services );
		foreach ( self::RARE_HOOKS as $rare ) {
			list( $hook, $name, $method, $arguments ) = $rare;
			add_filter(
				$hook,
				static function ( ...$values ) use ( $services, $name, $method ) {
					return call_user_func_array( array( $services->$name(), $method ), $values );
				},
				10,
				$arguments
			);
		}
		if ( isset( $_COOKIE[ self::LISTEN_COOKIE ] ) ) {
			( new Form_Listener() )->add_hooks();
		}
		// Forms are often submitted through admin-ajax.php, which has no pages.
		if ( is_admin() && ! wp_doing_ajax() ) {
			$this->add_pages( $services );
		}
		if ( defined( 'WP_CLI' ) && WP_CLI ) {
			$command = new Cli( $services->settings(), $services->runner(), $services->daily_counts(), $services->outbox(), $services->status(), $services->connection_test(), $services->email_alert() );
			\WP_CLI::add_command( 'relay', $command );
			\WP_CLI::add_command( 'relay-connector', $command );
		}

		add_action( 'init', array( $this, 'load_translations' ) );
		register_activation_hook( RELAY_CONNECTOR_FILE, array( Schema::class, 'install' ) );
		register_deactivation_hook( RELAY_CONNECTOR_FILE, array( Scheduler::class, 'clear' ) );
		register_deactivation_hook( RELAY_CONNECTOR_FILE, array( Outbox::class, 'forget_all_sent' ) );
	}

	/**
	 * Registers the hooks of the event sources that are switched on, now or later in this request. The others are not even
	 * loaded, except for orders, which tell WooCommerce what the plugin is compatible with. In a network, a request can
	 * switch to a site with other choices.
	 *
	 * @param Services $services The plugin's objects.
	 */
	private function add_sources( Services $services ) {
		$added = array();
		$add   = static function () use ( $services, &$added ) {
			foreach ( self::EVENT_SOURCES as $source ) {
				$is_needed = Orders::class === $source || is_multisite() || $services->choices()->is_enabled( self::slug_of( $source ) );
				if ( $is_needed && ! isset( $added[ $source ] ) ) {
					$added[ $source ] = true;
					$services->source( $source )->add_hooks();
				}
			}
		};
		$add();
		add_action( 'add_option_' . Event_Choices::OPTION, $add );
		add_action( 'update_option_' . Event_Choices::OPTION, $add );
	}

	/**
	 * The slug of an event source by its class, so that the class is not loaded. A source with another slug always gets its
	 * hooks.
	 *
	 * @param string $source The class.
	 * @return string
	 */
	public static function slug_of( $source ) {
		return strtolower( substr( $source, strlen( __NAMESPACE__ . '\\Events\\' ) ) );
	}

	/**
	 * Registers the hooks of the admin pages.
	 *
	 * @param Services $services The plugin's objects.
	 */
	private function add_pages( Services $services ) {
		$settings = $services->settings();
		$status   = $services->status();
		$log_page = new Events_Page( $settings, $services->outbox(), $services->runner() );
		$log_page->add_hooks();
		( new Event_Settings_Section( $services->choices(), $services->sources() ) )->add_hooks();
		( new Other_Forms_Page( $services->choices() ) )->add_hooks();
		( new Settings_Page( $settings, $status, new Connection_Section( $settings, $services->keys() ), $log_page, new Daily_Report_Section( $settings, $services->daily_counts(), $services->reports() ) ) )->add_hooks();
		( new Admin_Actions( $services->connection_test(), $services->keys(), $services->connect_flow(), $settings ) )->add_hooks();
		( new Admin_Notices( $status ) )->add_hooks();
		( new Welcome( $settings ) )->add_hooks();
		( new Dashboard_Widget( $settings, $status, $services->daily_counts() ) )->add_hooks();
	}

	/**
	 * Loads the translations that ship with the plugin. WordPress 6.7 and later require init or a later hook.
	 */
	public function load_translations() {
		load_plugin_textdomain( 'relay-connector', false, dirname( plugin_basename( RELAY_CONNECTOR_FILE ) ) . '/languages' );
	}
}
