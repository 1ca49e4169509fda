<?php
/**
 * Removes the plugin's data.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector;

use Relay_Connector\Admin\Events_Page;
use Relay_Connector\Events\Comments;
use Relay_Connector\Events\Event_Choices;
use Relay_Connector\Events\Sensitive_Fields;
use Relay_Connector\Events\Sent_Order_Events;
use Relay_Connector\Listening\Form_Sources;
use Relay_Connector\Reporting\Daily_Reports;
use Relay_Connector\Results\Comment_Summaries;
use Relay_Connector\Sending\Circuit_Breaker;
use Relay_Connector\Sending\Run_Lock;
use Relay_Connector\Sending\Scheduler;
use Relay_Connector\Sending\Triggers;
use Relay_Connector\Status\Email_Alert;
use Relay_Connector\Status\Lost_Events;

defined( 'ABSPATH' ) || exit;

// phpcs:disable WordPress.DB.DirectDatabaseQuery.DirectQuery, WordPress.DB.DirectDatabaseQuery.NoCaching, WordPress.DB.DirectDatabaseQuery.SchemaChange -- Removes the own tables and transients, once.

/**
 * Deletes options, tables, cron events and metadata of comments, orders and users. If the admin chose to keep the data,
 * only the cron events are deleted.
 */
final class Uninstaller {

	const OPTIONS = array(
		Settings::ENDPOINT,
		Settings::KEY_ID,
		Settings::SECRET,
		Settings::SEND_HELD,
		Settings::SEND_PINGS,
		Settings::SKIP_INITIAL,
		Settings::KEEP_DATA,
		Settings::RETENTION_DAYS,
		Settings::CONNECTED_AT,
		Settings::OLD_KEY,
		Settings::SHOW_SENT_H,
		Event_Choices::OPTION,
		Form_Sources::OPTION,
		Sensitive_Fields::OPTION,
		Comment_Summaries::OPTION,
		Email_Alert::OPTION,
		Email_Alert::STATE,
		Triggers::LAST_RUN,
		Triggers::LAST_CHECK,
		Schema::OPTION,
		Run_Lock::OPTION,
		Circuit_Breaker::OPTION,
		Lost_Events::OPTION,
		Daily_Reports::OPTION,
	);

	/**
	 * Cleans every site of a network, or the only one.
	 */
	public function run() {
		if ( ! is_multisite() ) {
			$this->clean_site();
			return;
		}
		$ids = get_sites(
			array(
				'fields' => 'ids',
				'number' => 0,
			)
		);
		foreach ( $ids as $id ) {
			switch_to_blog( $id );
			$this->clean_site();
			restore_current_blog();
		}
	}

	/**
	 * Cleans one site, unless its admin chose to keep the data.
	 */
	private function clean_site() {
		global $wpdb;
		if ( Settings::keeps_data() ) {
			Scheduler::clear();
			return;
		}
		Schema::register_tables();
		$wpdb->query( "DROP TABLE IF EXISTS {$wpdb->relay_connector_outbox}" );
		$wpdb->query( "DROP TABLE IF EXISTS {$wpdb->relay_tally}" );
		$wpdb->query( "DROP TABLE IF EXISTS {$wpdb->relay_callback}" );
		foreach ( self::OPTIONS as $option ) {
			delete_option( $option );
		}
		$wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->options} WHERE option_name LIKE %s OR option_name LIKE %s", $wpdb->esc_like( '_transient_relay_connector_' ) . '%', $wpdb->esc_like( '_transient_timeout_relay_connector_' ) . '%' ) );
		delete_metadata( 'comment', 0, Comments::META_KEY, '', true );
		Sent_Order_Events::delete_all();
		delete_metadata( 'comment', 0, Comment_Summaries::META_KEY, '', true );
		delete_metadata( 'user', 0, Events_Page::PER_PAGE, '', true );
		Scheduler::clear();
	}
}
