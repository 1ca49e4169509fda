<?php
/**
 * The database tables.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector;

use Relay_Connector\Events\Event_Choices;
use Relay_Connector\Events\Leads;

defined( 'ABSPATH' ) || exit;

// phpcs:disable WordPress.DB.DirectDatabaseQuery.DirectQuery, WordPress.DB.DirectDatabaseQuery.NoCaching -- Own tables: WordPress has no other way to them.

/**
 * Creates and upgrades the tables. Activation hooks do not run on updates, so the schema version is checked on each
 * request.
 */
final class Schema {

	const VERSION = 6;
	const OPTION  = 'relay_connector_schema';

	/**
	 * WordPress creates the new site's own tables at priority 10.
	 */
	const AFTER_THE_CORE = 900;

	const TABLES = array( 'relay_connector_outbox', 'relay_tally', 'relay_callback' );

	/**
	 * Registers the table names with $wpdb, so that switch_to_blog() and the deletion of a site include them.
	 */
	public function add_hooks() {
		self::register_tables();
		add_action( 'plugins_loaded', array( $this, 'upgrade' ) );
		add_action( 'wp_initialize_site', array( $this, 'on_new_site' ), self::AFTER_THE_CORE );
	}

	/**
	 * Creates the tables of a site that was added to a network. It may have events before its first page is loaded.
	 *
	 * @param \WP_Site $site The site.
	 */
	public function on_new_site( $site ) {
		$active = (array) get_site_option( 'active_sitewide_plugins', array() );
		if ( isset( $active[ plugin_basename( RELAY_CONNECTOR_FILE ) ] ) ) {
			switch_to_blog( (int) $site->blog_id );
			self::install();
			restore_current_blog();
		}
	}

	/**
	 * Creates the tables if the schema is older than this code.
	 */
	public function upgrade() {
		if ( (int) get_option( self::OPTION, 0 ) < self::VERSION ) {
			self::install();
		}
	}

	/**
	 * Creates the tables. Times are Unix seconds, so that they do not depend on the time zone setting.
	 */
	public static function install() {
		global $wpdb;
		self::register_tables();
		require_once ABSPATH . 'wp-admin/includes/upgrade.php';
		dbDelta(
			"CREATE TABLE {$wpdb->relay_connector_outbox} (
  id bigint(20) unsigned NOT NULL AUTO_INCREMENT,
  event_id varchar(128) NOT NULL,
  dedupe_key varchar(191) NOT NULL,
  event_type varchar(64) NOT NULL,
  object_id bigint(20) unsigned NOT NULL DEFAULT 0,
  object_key varchar(80) NOT NULL DEFAULT '',
  detail varchar(100) NOT NULL DEFAULT '',
  is_initial tinyint(3) unsigned NOT NULL DEFAULT 0,
  revision bigint(20) unsigned NOT NULL DEFAULT 0,
  body longtext NULL,
  state varchar(16) NOT NULL DEFAULT 'waiting',
  attempts int(10) unsigned NOT NULL DEFAULT 0,
  created_at bigint(20) unsigned NOT NULL DEFAULT 0,
  due_at bigint(20) unsigned NOT NULL DEFAULT 0,
  claimed_by varchar(64) NOT NULL DEFAULT '',
  claimed_until bigint(20) unsigned NOT NULL DEFAULT 0,
  finished_at bigint(20) unsigned NOT NULL DEFAULT 0,
  last_status smallint(5) unsigned NOT NULL DEFAULT 0,
  last_answer text NULL,
  PRIMARY KEY  (id),
  UNIQUE KEY event_id (event_id),
  UNIQUE KEY dedupe_key (dedupe_key),
  KEY state_due (state,due_at),
  KEY state_finished (state,finished_at),
  KEY object_state (object_key,state)
) {$wpdb->get_charset_collate()};"
		);
		dbDelta(
			"CREATE TABLE {$wpdb->relay_tally} (
  day bigint(20) unsigned NOT NULL,
  event_type varchar(64) NOT NULL,
  what varchar(16) NOT NULL,
  n bigint(20) unsigned NOT NULL DEFAULT 0,
  PRIMARY KEY  (day,event_type,what)
) {$wpdb->get_charset_collate()};"
		);
		dbDelta(
			"CREATE TABLE {$wpdb->relay_callback} (
  delivery varchar(128) NOT NULL,
  claimed_until bigint(20) unsigned NOT NULL DEFAULT 0,
  done_at bigint(20) unsigned NOT NULL DEFAULT 0,
  PRIMARY KEY  (delivery),
  KEY done_at (done_at)
) {$wpdb->get_charset_collate()};"
		);
		// Options that every request reads cost a query if they do not exist.
		add_option( Settings::CONNECTED_AT, 0 );
		add_option( Settings::ENDPOINT, '' );
		add_option( Settings::SHOW_SENT_H, 0 );
		$old = (int) get_option( self::OPTION, 0 );
		$is_connected = ( new Settings() )->collects_events();
		Event_Choices::initialize( $old > 0 && $old < 4 && $is_connected );
		if ( $old > 0 && $old < 5 && $is_connected ) {
			// The settings of older versions said that files are never sent.
			( new Event_Choices() )->exclude_field( Leads::SLUG, Leads::FILES );
		}
		if ( $old > 0 && $old < 6 ) {
			self::add_objects();
		}
		update_option( self::OPTION, self::VERSION );
	}

	/**
	 * Adds to the rows of older versions what they are about, so that they leave in order. Bodies stay as they are: an
	 * event that may have been received keeps its bytes. Rows of refunds do not name their order.
	 */
	private static function add_objects() {
		global $wpdb;
		$wpdb->query( "UPDATE {$wpdb->relay_connector_outbox} SET detail = SUBSTRING(dedupe_key, LENGTH(CONCAT('order.status_changed:', object_id, ':')) + 1) WHERE event_type = 'order.status_changed' AND detail = '' AND dedupe_key NOT LIKE 'deleted:%'" );
		$wpdb->query( "UPDATE {$wpdb->relay_connector_outbox} SET object_key = CONCAT('order:', object_id) WHERE event_type IN ('order.created', 'order.status_changed') AND object_key = ''" );
		$wpdb->query( "UPDATE {$wpdb->relay_connector_outbox} SET object_key = CONCAT('comment:', object_id) WHERE event_type = 'comment.created' AND object_key = ''" );
		$wpdb->query( "UPDATE {$wpdb->relay_connector_outbox} SET object_key = CONCAT('user:', object_id) WHERE event_type = 'user.registered' AND object_key = ''" );
	}

	/**
	 * Adds the table names to $wpdb, once.
	 */
	public static function register_tables() {
		global $wpdb;
		foreach ( self::TABLES as $table ) {
			if ( ! in_array( $table, $wpdb->tables, true ) ) {
				$wpdb->tables[] = $table;
			}
			$wpdb->$table = $wpdb->get_blog_prefix() . $table;
		}
	}
}
