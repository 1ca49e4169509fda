<?php
/**
 * Leaves no trace.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector;

defined( 'ABSPATH' ) || exit;

/**
 * Deletes options, tables, cron events and what was kept with comments, orders and users; of a site whose admin wants to
 * keep its data only the cron events.
 */
final class Removal {

	const OPTIONS = array(
		Settings::ENDPOINT,
		Settings::KEY_ID,
		Settings::SECRET,
		Settings::SEND_HELD,
		Settings::SEND_PINGS,
		Settings::KEEP_DATA,
		Settings::RETENTION_DAYS,
		Settings::CONNECTED_AT,
		Settings::OLD_KEY,
		Events\Choices::OPTION,
		Summaries::OPTION,
		Alarm::OPTION,
		Alarm::STATE,
		Wake_Ups::LAST_RUN,
		Wake_Ups::LAST_LOOK,
		Schema::OPTION,
		Runner_Lock::OPTION,
		Gate::OPTION,
		Trouble::OPTION,
		Reports::OPTION,
	);

	/**
	 * Every site of a network, or the only one.
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
	 * One site, unless its admin wanted to keep everything.
	 */
	private function clean_site() {
		global $wpdb;
		if ( Settings::keeps_data() ) {
			Schedule::clear();
			return;
		}
		Schema::name_tables();
		$wpdb->query( "DROP TABLE IF EXISTS {$wpdb->relay_connector_outbox}" );
		$wpdb->query( "DROP TABLE IF EXISTS {$wpdb->relay_tally}" );
		$wpdb->query( "DROP TABLE IF EXISTS {$wpdb->relay_callback}" );
		foreach ( self::OPTIONS as $option ) {
			delete_option( $option );
		}
		$wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->options} WHERE option_name LIKE %s OR option_name LIKE %s", $wpdb->esc_like( '_transient_relay_connector_' ) . '%', $wpdb->esc_like( '_transient_timeout_relay_connector_' ) . '%' ) );
		delete_metadata( 'comment', 0, Events\Comments::META_KEY, '', true );
		Events\Order_Memory::forget_all();
		delete_metadata( 'comment', 0, Summaries::META_KEY, '', true );
		delete_metadata( 'user', 0, Admin\Log_Page::PER_PAGE, '', true );
		Schedule::clear();
	}
}
