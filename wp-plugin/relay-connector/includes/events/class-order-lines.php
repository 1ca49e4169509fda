<?php
/**
 * The lists of an order: items, shipping, fees, coupons, taxes.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * Each method returns one list. The lists are named like those of WooCommerce's REST API, except "items".
 */
final class Order_Lines {

	const MOST_ITEMS = 200;

	/**
	 * The size of each of the other lists as JSON.
	 */
	const MOST_BYTES = 12000;

	const MOST_OPTIONS   = 20;
	const LONGEST_LABEL  = 100;
	const LONGEST_OPTION = 500;

	/**
	 * The order or the refund.
	 *
	 * @var \WC_Abstract_Order
	 */
	private $order;

	/**
	 * Takes the order or the refund.
	 *
	 * @param \WC_Abstract_Order $order The order or the refund.
	 */
	public function __construct( $order ) {
		$this->order = $order;
	}

	/**
	 * The items. Amounts of refunds are negative in WooCommerce; here they are not.
	 *
	 * @param bool $with_options Whether the options of each item are included, such as size and engraving.
	 * @param bool $with_taxes   Whether the subtotal and the tax of each item are included.
	 * @param int  $most_bytes   How large they can be together.
	 * @return array[]
	 */
	public function items( $with_options, $with_taxes, $most_bytes ) {
		$items = array();
		foreach ( array_slice( $this->order->get_items(), 0, self::MOST_ITEMS ) as $item ) {
			$items[] = $this->item( $item, $with_options, $with_taxes );
		}
		return self::fitting( $items, $most_bytes );
	}

	/**
	 * The first values of a list or a map that fit into a size.
	 *
	 * @param array $values     The list or map.
	 * @param int   $most_bytes The size as JSON.
	 * @return array
	 */
	public static function fitting( array $values, $most_bytes ) {
		$bytes = 0;
		$count = 0;
		foreach ( $values as $key => $value ) {
			$bytes += strlen( (string) wp_json_encode( array( $key => $value ) ) );
			if ( $bytes > $most_bytes ) {
				break;
			}
			++$count;
		}
		return array_slice( $values, 0, $count, true );
	}

	/**
	 * How many items the order has.
	 *
	 * @return int
	 */
	public function count_items() {
		return count( $this->order->get_items() );
	}

	/**
	 * The chosen ways of shipping, one for each package.
	 *
	 * @return array[]
	 */
	public function shipping() {
		$lines = array();
		foreach ( $this->of_type( 'shipping' ) as $line ) {
			$lines[] = array(
				'name'      => Plain_Text::from_title( $line->get_name() ),
				'method_id' => Plain_Text::line( $line->get_method_id() ),
				'total'     => Amount::absolute( $line->get_total() ),
				'total_tax' => Amount::absolute( $line->get_total_tax() ),
			);
		}
		return self::fitting( $lines, self::MOST_BYTES );
	}

	/**
	 * The fees, such as gift wrap. A negative fee is a discount.
	 *
	 * @return array[]
	 */
	public function fees() {
		$lines = array();
		foreach ( $this->of_type( 'fee' ) as $line ) {
			$lines[] = array(
				'name'      => Plain_Text::from_title( $line->get_name() ),
				'total'     => $this->amount( $line->get_total() ),
				'total_tax' => $this->amount( $line->get_total_tax() ),
			);
		}
		return self::fitting( $lines, self::MOST_BYTES );
	}

	/**
	 * The coupons.
	 *
	 * @return array[]
	 */
	public function coupons() {
		$lines = array();
		foreach ( $this->of_type( 'coupon' ) as $line ) {
			$lines[] = array(
				'code'         => Plain_Text::from_title( $line->get_code() ),
				'discount'     => Amount::text( $line->get_discount() ),
				'discount_tax' => Amount::text( $line->get_discount_tax() ),
			);
		}
		return self::fitting( $lines, self::MOST_BYTES );
	}

	/**
	 * The taxes by rate, for the items and for shipping together.
	 *
	 * @return array[]
	 */
	public function taxes() {
		$lines = array();
		foreach ( $this->of_type( 'tax' ) as $line ) {
			$lines[] = array(
				'name'         => Plain_Text::from_title( $line->get_label() ),
				'rate_percent' => rtrim( rtrim( number_format( (float) $line->get_rate_percent(), 4, '.', '' ), '0' ), '.' ),
				// Rounded as on the invoice (WC_Abstract_Order::get_tax_totals()).
				'total'        => Amount::text( wc_round_tax_total( (float) $line->get_tax_total() + (float) $line->get_shipping_tax_total() ) ),
			);
		}
		return self::fitting( $lines, self::MOST_BYTES );
	}

	/**
	 * An item.
	 *
	 * @param \WC_Order_Item_Product $item         The item.
	 * @param bool                   $with_options As in items().
	 * @param bool                   $with_taxes   As in items().
	 * @return array
	 */
	private function item( $item, $with_options, $with_taxes ) {
		$product = $item->get_product();
		$fields  = array(
			'name'         => Plain_Text::from_title( $item->get_name() ),
			'sku'          => $product ? Plain_Text::from_title( $product->get_sku() ) : '',
			'product_id'   => (int) $item->get_product_id(),
			'variation_id' => (int) $item->get_variation_id(),
			// Quantities can be fractions, such as half a metre; those of refunds are negative.
			'quantity'     => abs( $item->get_quantity() + 0 ),
			'total'        => Amount::absolute( $item->get_total() ),
		);
		if ( ! $fields['variation_id'] ) {
			unset( $fields['variation_id'] );
		}
		if ( $with_taxes ) {
			$fields['subtotal']  = Amount::absolute( $item->get_subtotal() );
			$fields['total_tax'] = Amount::absolute( $item->get_total_tax() );
		}
		$options = $with_options ? $this->options( $item ) : array();
		if ( $options ) {
			// Otherwise labels such as "0" would make a list of it.
			$fields['options'] = (object) $options;
		}
		return $fields;
	}

	/**
	 * The options of an item as the shop shows them: attributes of a variation, and what other plugins ask for. Their
	 * values are HTML (WC_Order_Item::get_formatted_meta_data() in includes/class-wc-order-item.php).
	 *
	 * @param \WC_Order_Item_Product $item The item.
	 * @return string[] By label.
	 */
	private function options( $item ) {
		$options = array();
		foreach ( array_slice( $item->get_formatted_meta_data( '_', true ), 0, self::MOST_OPTIONS ) as $meta ) {
			$label = Plain_Text::from_title( $meta->display_key, self::LONGEST_LABEL );
			$value = Text::cut( Plain_Text::from_html( $meta->display_value ), self::LONGEST_OPTION );
			if ( '' === $label || '' === $value || Field_Types::is_secret_name( $meta->key ) ) {
				continue;
			}
			$options[ $label ] = isset( $options[ $label ] ) ? Text::cut( $options[ $label ] . ', ' . $value, self::LONGEST_OPTION ) : $value;
		}
		return $options;
	}

	/**
	 * An amount. Those of refunds are negative in WooCommerce.
	 *
	 * @param mixed $amount The amount.
	 * @return string
	 */
	private function amount( $amount ) {
		return 'shop_order_refund' === $this->order->get_type() ? Amount::difference( '0', $amount ) : Amount::text( $amount );
	}

	/**
	 * The lines of a type.
	 *
	 * @param string $type One of WooCommerce's types of lines.
	 * @return \WC_Order_Item[]
	 */
	private function of_type( $type ) {
		return $this->order->get_items( $type );
	}
}
