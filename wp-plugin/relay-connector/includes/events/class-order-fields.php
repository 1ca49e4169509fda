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
	const NAMES        = array( 'first_name', 'last_name' );
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
			'total'          => Amount::text( $order->get_total() ),
			'total_tax'      => Amount::text( $order->get_total_tax() ),
			'shipping_total' => Amount::text( $order->get_shipping_total() ),
			'discount_total' => Amount::text( $order->get_discount_total() ),
			'customer'       => (object) $this->customer(),
			'items'          => $items,
			'created_at'     => self::timestamp( $order->get_date_created() ),
			'payment_method' => Plain_Text::from_title( $order->get_payment_method_title() ),
			'created_via'    => (string) $order->get_created_via(),
			'customer_note'  => $this->sends( 'note' ) ? Text::cut( Plain_Text::from_html( $order->get_customer_note() ), self::LONGEST_NOTE ) : '',
			'items_left_out' => $this->sends( 'items' ) ? count( $order->get_items() ) - count( $items ) : 0,
			'edit_url'       => self::url( $order->get_edit_order_url() ),
			'view_url'       => self::url( $order->get_view_order_url() ),
		);
		if ( ! Amount::is_zero( $order->get_total_refunded() ) ) {
			$fields['total_refunded']  = Amount::text( $order->get_total_refunded() );
			$fields['remaining_total'] = Amount::difference( $order->get_total(), $order->get_total_refunded() );
		}
		return self::without_empty( $fields, array( 'payment_method', 'created_via', 'customer_note', 'items_left_out', 'edit_url', 'view_url' ) );
	}

	/**
	 * The fields of a refund of the order.
	 *
	 * @param \WC_Order_Refund $refund The refund.
	 * @return array
	 */
	public function refund( $refund ) {
		$order     = $this->order;
		$remaining = Amount::difference( $order->get_total(), $order->get_total_refunded() );
		$fields    = array(
			'id'               => (int) $refund->get_id(),
			'order_id'         => (int) $order->get_id(),
			'order_number'     => (string) $order->get_order_number(),
			'order_status'     => (string) $order->get_status(),
			'currency'         => (string) $order->get_currency(),
			'amount'           => Amount::text( $refund->get_amount() ),
			'order_total'      => Amount::text( $order->get_total() ),
			'total_refunded'   => Amount::text( $order->get_total_refunded() ),
			'remaining_total'  => $remaining,
			'is_full'          => Amount::is_zero( $remaining ) || '-' === $remaining[0],
			'order_created_at' => self::timestamp( $order->get_date_created() ),
			'edit_url'         => self::url( $order->get_edit_order_url() ),
			'view_url'         => self::url( $order->get_view_order_url() ),
			'reason'           => Plain_Text::from_title( $refund->get_reason(), self::LONGEST_NOTE ),
			'customer'         => (object) $this->customer(),
			'items'            => $this->items( $refund ),
			'created_at'       => self::timestamp( $refund->get_date_created() ),
		);
		return self::without_empty( $fields, array( 'reason', 'edit_url', 'view_url' ) );
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
			$customer['first_name'] = Plain_Text::sanitized_line( $order->get_billing_first_name() );
			$customer['last_name']  = Plain_Text::sanitized_line( $order->get_billing_last_name() );
			$customer['name']       = trim( $customer['first_name'] . ' ' . $customer['last_name'] );
			$customer['company']    = Plain_Text::sanitized_line( $order->get_billing_company() );
		}
		if ( $this->sends( 'email' ) ) {
			$customer['email'] = Plain_Text::sanitized_line( $order->get_billing_email() );
		}
		if ( $this->sends( 'phone' ) ) {
			$customer['phone'] = Plain_Text::sanitized_line( $order->get_billing_phone() );
		}
		if ( $this->sends( 'addresses' ) ) {
			$customer['billing']  = $this->address( 'billing' );
			$customer['shipping'] = $this->address( 'shipping' );
		}
		return array_filter( $customer );
	}

	/**
	 * An address; empty parts are left out. The names in the billing address are those of the customer.
	 *
	 * @param string $which Either billing or shipping.
	 * @return string[]
	 */
	private function address( $which ) {
		$address = array();
		$names   = 'shipping' === $which && $this->sends( 'name' ) ? self::NAMES : array();
		foreach ( array_merge( $names, self::ADDRESS ) as $part ) {
			$address[ $part ] = Plain_Text::sanitized_line( $this->order->{ 'get_' . $which . '_' . $part }() );
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
				'name'         => Plain_Text::from_title( $item->get_name() ),
				'sku'          => $product ? Plain_Text::from_title( $product->get_sku() ) : '',
				'product_id'   => (int) $item->get_product_id(),
				'variation_id' => (int) $item->get_variation_id(),
				// Quantities can be fractions, such as half a metre; those of refunds are negative.
				'quantity' => abs( $item->get_quantity() + 0 ),
				'total'    => Amount::absolute( $item->get_total() ),
			);
			if ( ! $fields['variation_id'] ) {
				unset( $fields['variation_id'] );
			}
			$items[] = $fields;
		}
		return $items;
	}

	/**
	 * The fields without those of the given ones that are empty.
	 *
	 * @param array    $fields   The fields.
	 * @param string[] $optional The names of those that can be left out.
	 * @return array
	 */
	private static function without_empty( array $fields, array $optional ) {
		foreach ( $optional as $name ) {
			if ( ! $fields[ $name ] ) {
				unset( $fields[ $name ] );
			}
		}
		return $fields;
	}

	/**
	 * A URL, which another plugin may have changed.
	 *
	 * @param mixed $url The URL.
	 * @return string '' if it is none.
	 */
	private static function url( $url ) {
		return is_string( $url ) ? esc_url_raw( $url, array( 'http', 'https' ) ) : '';
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
	 * A time as the gateway expects it.
	 *
	 * @param \WC_DateTime|null $date The time.
	 * @return string
	 */
	private static function timestamp( $date ) {
		return Text::timestamp( $date ? $date->getTimestamp() : time() );
	}
}
