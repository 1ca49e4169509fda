<?php
/**
 * The fields of an order.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * Uses only the order's own methods, so that it does not depend on where orders are stored.
 */
final class Order_Fields {

	const MOST_ITEMS   = 200;
	const LONGEST_NOTE = 2000;
	const ADDRESS      = array( 'company', 'address_1', 'address_2', 'city', 'state', 'postcode', 'country' );

	/**
	 * The order.
	 *
	 * @var \WC_Order
	 */
	private $order;

	/**
	 * What the admin has chosen.
	 *
	 * @var Event_Choices
	 */
	private $choices;

	/**
	 * The source's short name in the choices.
	 *
	 * @var string
	 */
	private $source;

	/**
	 * Takes the order.
	 *
	 * @param \WC_Order     $order   The order.
	 * @param Event_Choices $choices What the admin has chosen.
	 * @param string        $source  The source's short name in the choices.
	 */
	public function __construct( $order, Event_Choices $choices, $source ) {
		$this->order   = $order;
		$this->choices = $choices;
		$this->source  = $source;
	}

	/**
	 * The fields of an order.
	 *
	 * @return array
	 */
	public function order() {
		$order  = $this->order;
		$items  = $this->items( $order );
		$fields = array(
			'id'             => (int) $order->get_id(),
			'number'         => (string) $order->get_order_number(),
			'status'         => (string) $order->get_status(),
			'currency'       => (string) $order->get_currency(),
			'total'          => self::decimal( $order->get_total() ),
			'total_tax'      => self::decimal( $order->get_total_tax() ),
			'shipping_total' => self::decimal( $order->get_shipping_total() ),
			'discount_total' => self::decimal( $order->get_discount_total() ),
			'customer'       => (object) $this->customer(),
			'items'          => $items,
			'created_at'     => self::timestamp( $order->get_date_created() ),
			'payment_method' => Text::line( $order->get_payment_method_title() ),
			'created_via'    => (string) $order->get_created_via(),
			'customer_note'  => $this->sends( 'note' ) ? Text::cut( Text::clean( (string) $order->get_customer_note() ), self::LONGEST_NOTE ) : '',
			'items_left_out' => $this->sends( 'items' ) ? count( $order->get_items() ) - count( $items ) : 0,
		);
		foreach ( array( 'payment_method', 'created_via', 'customer_note', 'items_left_out' ) as $optional ) {
			if ( ! $fields[ $optional ] ) {
				unset( $fields[ $optional ] );
			}
		}
		return $fields;
	}

	/**
	 * The fields of a refund of the order.
	 *
	 * @param \WC_Order_Refund $refund The refund.
	 * @return array
	 */
	public function refund( $refund ) {
		$order  = $this->order;
		$fields = array(
			'id'             => (int) $refund->get_id(),
			'order_id'       => (int) $order->get_id(),
			'order_number'   => (string) $order->get_order_number(),
			'order_status'   => (string) $order->get_status(),
			'currency'       => (string) $order->get_currency(),
			'amount'         => self::decimal( $refund->get_amount() ),
			'order_total'    => self::decimal( $order->get_total() ),
			'total_refunded' => self::decimal( $order->get_total_refunded() ),
			'is_full'        => (float) $order->get_total_refunded() >= (float) $order->get_total() - 0.000001,
			'reason'         => Text::line( $refund->get_reason(), self::LONGEST_NOTE ),
			'customer'       => (object) $this->customer(),
			'items'          => $this->items( $refund ),
			'created_at'     => self::timestamp( $refund->get_date_created() ),
		);
		if ( '' === $fields['reason'] ) {
			unset( $fields['reason'] );
		}
		return $fields;
	}

	/**
	 * The customer, with the fields that are switched on; empty fields are left out.
	 *
	 * @return array
	 */
	private function customer() {
		$order    = $this->order;
		$customer = array( 'id' => (int) $order->get_customer_id() );
		if ( $this->sends( 'name' ) ) {
			$customer['first_name'] = Text::line( $order->get_billing_first_name() );
			$customer['last_name']  = Text::line( $order->get_billing_last_name() );
			$customer['name']       = trim( $customer['first_name'] . ' ' . $customer['last_name'] );
			$customer['company']    = Text::line( $order->get_billing_company() );
		}
		if ( $this->sends( 'email' ) ) {
			$customer['email'] = Text::line( $order->get_billing_email() );
		}
		if ( $this->sends( 'phone' ) ) {
			$customer['phone'] = Text::line( $order->get_billing_phone() );
		}
		if ( $this->sends( 'addresses' ) ) {
			$customer['billing']  = $this->address( 'billing' );
			$customer['shipping'] = $this->address( 'shipping' );
		}
		return array_filter( $customer );
	}

	/**
	 * An address; empty parts are left out.
	 *
	 * @param string $which Either billing or shipping.
	 * @return string[]
	 */
	private function address( $which ) {
		$address = array();
		foreach ( self::ADDRESS as $part ) {
			$address[ $part ] = Text::line( $this->order->{ 'get_' . $which . '_' . $part }() );
		}
		return array_filter( $address, 'strlen' );
	}

	/**
	 * The items of an order or a refund.
	 *
	 * @param \WC_Abstract_Order $order The order or refund.
	 * @return array[]
	 */
	private function items( $order ) {
		$items = array();
		foreach ( $this->sends( 'items' ) ? $order->get_items() : array() as $item ) {
			if ( count( $items ) >= self::MOST_ITEMS ) {
				break;
			}
			$product = $item->get_product();
			$fields  = array(
				'name'         => Text::line( $item->get_name() ),
				'sku'          => $product ? Text::line( $product->get_sku() ) : '',
				'product_id'   => (int) $item->get_product_id(),
				'variation_id' => (int) $item->get_variation_id(),
				// Quantities can be fractions, such as half a metre; those of refunds are negative.
				'quantity' => abs( $item->get_quantity() + 0 ),
				'total'    => ltrim( self::decimal( $item->get_total() ), '-' ),
			);
			if ( ! $fields['variation_id'] ) {
				unset( $fields['variation_id'] );
			}
			$items[] = $fields;
		}
		return $items;
	}

	/**
	 * Whether a field is sent.
	 *
	 * @param string $field Its short name.
	 * @return bool
	 */
	private function sends( $field ) {
		return $this->choices->sends_field( $this->source, $field );
	}

	/**
	 * An amount as decimal text, with the shop's number of decimals, or more if the amount has more.
	 *
	 * @param mixed $amount A number, or a number as text.
	 * @return string
	 */
	private static function decimal( $amount ) {
		$usual = function_exists( '\wc_get_price_decimals' ) ? (int) wc_get_price_decimals() : 2;
		// Floating-point sums end in noise such as 0.30000000000000004.
		$text  = rtrim( number_format( (float) $amount, 6, '.', '' ), '0' );
		$point = strpos( $text, '.' );
		return number_format( (float) $amount, max( 0, min( 6, max( $usual, strlen( $text ) - $point - 1 ) ) ), '.', '' );
	}

	/**
	 * A time as the gateway expects it.
	 *
	 * @param \WC_DateTime|null $date The time.
	 * @return string
	 */
	private static function timestamp( $date ) {
		return Text::timestamp( $date ? $date->getTimestamp() : time() );
	}
}
