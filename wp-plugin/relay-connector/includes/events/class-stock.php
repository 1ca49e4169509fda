<?php
/**
 * The stock of WooCommerce products.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * Sends a product when WooCommerce reports that it runs low or is out of stock: when an order reduces its stock, or when
 * its stock is edited (wc_trigger_stock_change_notifications() in includes/wc-stock-functions.php). WooCommerce compares
 * with the thresholds under Settings → Products → Inventory and with those of the product.
 */
final class Stock extends Product_Source {

	const LOW = 'product.low_stock';
	const OUT = 'product.out_of_stock';

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'stock';
	}

	/**
	 * The name on the settings page.
	 *
	 * @return string
	 */
	public function label() {
		return __( 'Stock (WooCommerce)', 'relay-connector' );
	}

	/**
	 * The help text: what is sent and when.
	 *
	 * @return string
	 */
	public function help() {
		return __( 'A product is sent when it runs low or is out of stock, by the thresholds in WooCommerce. It must have "Track stock quantity" switched on.', 'relay-connector' );
	}

	/**
	 * Listens to WooCommerce's own warnings.
	 */
	public function add_hooks() {
		add_action( 'woocommerce_low_stock', array( $this, 'on_low' ), 20, 1 );
		add_action( 'woocommerce_no_stock', array( $this, 'on_out' ), 20, 1 );
	}

	/**
	 * Whether events of a type come from this source.
	 *
	 * @param string $type The event type.
	 * @return bool
	 */
	public function handles( $type ) {
		return in_array( $type, array( self::LOW, self::OUT ), true );
	}

	/**
	 * A product runs low.
	 *
	 * @param \WC_Product $product The product.
	 */
	public function on_low( $product = null ) {
		$this->record( self::LOW, $product );
	}

	/**
	 * A product is out of stock.
	 *
	 * @param \WC_Product $product The product.
	 */
	public function on_out( $product = null ) {
		$this->record( self::OUT, $product );
	}

	/**
	 * The fields of the event, with the quantity at which WooCommerce warns.
	 *
	 * @param object $row The row.
	 * @return array
	 */
	public function data( $row ) {
		$fields = parent::data( $row );
		if ( self::LOW === $row->event_type && function_exists( '\wc_get_low_stock_amount' ) ) {
			$fields['low_stock_amount'] = (int) wc_get_low_stock_amount( wc_get_product( (int) $row->object_id ) );
		}
		return $fields;
	}

	/**
	 * Records a warning.
	 *
	 * @param string      $type    The event type.
	 * @param \WC_Product $product The product.
	 */
	private function record( $type, $product ) {
		$this->run_safely(
			function () use ( $type, $product ) {
				$id = self::id_of( $product );
				if ( $this->is_sendable( $id ) ) {
					$this->queue_update( $type, self::OBJECT, $id );
				}
			}
		);
	}
}
