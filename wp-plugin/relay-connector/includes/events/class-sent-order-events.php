<?php
/**
 * What has been sent of an order.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * Kept with the order itself, for as long as it lives: the event ids by dedupe key. The key has the order's number in
 * it, so that a copy of the order does not pass for sent.
 */
final class Sent_Order_Events {

	const META_KEY = '_relay_connector_sent';

	/**
	 * Whether the same was sent before, as another event.
	 *
	 * @param \WC_Order $order The order.
	 * @param object    $row   The row.
	 * @return bool
	 */
	public static function has_other( $order, $row ) {
		$sent = $order->get_meta( self::META_KEY );
		return is_array( $sent ) && isset( $sent[ $row->dedupe_key ] ) && $sent[ $row->dedupe_key ] !== $row->event_id;
	}

	/**
	 * Remembers an event. WooCommerce would save the whole order for it, with a new date of change, and tell its own
	 * webhooks that the order was updated: nothing has changed that concerns anybody.
	 *
	 * @param \WC_Order $order The order.
	 * @param object    $row   The row.
	 */
	public static function record( $order, $row ) {
		$sent                     = $order->get_meta( self::META_KEY );
		$sent                     = is_array( $sent ) ? $sent : array();
		$sent[ $row->dedupe_key ] = $row->event_id;
		$order->update_meta_data( self::META_KEY, $sent );
		add_filter( 'woocommerce_orders_table_datastore_should_save_after_meta_change', '__return_false', 1000 );
		$order->save_meta_data();
		remove_filter( 'woocommerce_orders_table_datastore_should_save_after_meta_change', '__return_false', 1000 );
	}

	/**
	 * Forgets everything, wherever orders are kept: WooCommerce may be gone when this plugin goes.
	 */
	public static function delete_all() {
		global $wpdb;
		delete_metadata( 'post', 0, self::META_KEY, '', true );
		if ( $wpdb->get_var( $wpdb->prepare( 'SHOW TABLES LIKE %s', $wpdb->esc_like( $wpdb->prefix . 'wc_orders_meta' ) ) ) ) {
			$wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->prefix}wc_orders_meta WHERE meta_key = %s", self::META_KEY ) );
		}
	}
}
