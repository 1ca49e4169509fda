<?php
/**
 * Which events of an order were sent.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

// phpcs:disable WordPress.DB.DirectDatabaseQuery.DirectQuery, WordPress.DB.DirectDatabaseQuery.NoCaching -- Removes the metadata of all orders at once, on uninstall.

/**
 * Stored as metadata of the order: event ids by dedupe key. The key contains the order's id, so that a copied order
 * does not count as sent.
 */
final class Sent_Order_Events {

	const META_KEY = '_relay_connector_sent';

	/**
	 * Whether the same event was already sent under another event id.
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
	 * Records a sent event. The filter keeps WooCommerce from saving the whole order with a new modification date and
	 * from firing "order updated" webhooks.
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
	 * Deletes the metadata from all order tables. WooCommerce may no longer be active.
	 */
	public static function delete_all() {
		global $wpdb;
		delete_metadata( 'post', 0, self::META_KEY, '', true );
		if ( $wpdb->get_var( $wpdb->prepare( 'SHOW TABLES LIKE %s', $wpdb->esc_like( $wpdb->prefix . 'wc_orders_meta' ) ) ) ) {
			$wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->prefix}wc_orders_meta WHERE meta_key = %s", self::META_KEY ) );
		}
	}
}
