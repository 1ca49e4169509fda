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

	/**
	 * The size of the fields as JSON. The gateway accepts 256 KiB for the whole event.
	 */
	const MOST_BYTES   = 250000;
	const LONGEST_NOTE = 2000;
	const LONGEST_ID   = 200;
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
	 * The fields that an admin can choose. Event_Choices::FIELDS_OFF lists those that are off at first.
	 *
	 * @return string[] Labels by short name.
	 */
	public static function optional() {
		return array(
			'name'            => __( 'Customer name', 'relay-connector' ),
			'email'           => __( 'E-mail address', 'relay-connector' ),
			'phone'           => __( 'Phone number', 'relay-connector' ),
			'addresses'       => __( 'Billing and shipping address', 'relay-connector' ),
			'note'            => __( 'Customer note', 'relay-connector' ),
			'items'           => __( 'Items', 'relay-connector' ),
			'item_options'    => __( 'Options of the items, such as size or engraving', 'relay-connector' ),
			'coupons'         => __( 'Coupons', 'relay-connector' ),
			'fees'            => __( 'Fees', 'relay-connector' ),
			'shipping'        => __( 'Shipping method', 'relay-connector' ),
			'taxes'           => __( 'Subtotal and taxes', 'relay-connector' ),
			'payment'         => __( 'ID of the payment method, and date of payment', 'relay-connector' ),
			'transaction'     => __( 'Transaction ID of the payment', 'relay-connector' ),
			'attribution'     => __( 'How the customer found the shop (order attribution)', 'relay-connector' ),
			'checkout_fields' => __( 'Additional checkout fields', 'relay-connector' ),
		);
	}

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
		$lines  = new Order_Lines( $order );
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
			'items'          => array(),
			'created_at'     => self::timestamp( $order->get_date_created() ),
			'created_via'    => (string) $order->get_created_via(),
			'customer_note'  => $this->sends( 'note' ) ? Text::cut( Plain_Text::from_html( $order->get_customer_note() ), self::LONGEST_NOTE ) : '',
			'edit_url'       => self::url( $order->get_edit_order_url() ),
			'view_url'       => self::url( $order->get_view_order_url() ),
		);
		if ( ! Amount::is_zero( $order->get_total_refunded() ) ) {
			$fields['total_refunded']  = Amount::text( $order->get_total_refunded() );
			$fields['remaining_total'] = Amount::difference( $order->get_total(), $order->get_total_refunded() );
		}
		$fields = self::without_empty( $fields, array( 'created_via', 'customer_note', 'edit_url', 'view_url' ) );
		$fields = array_merge( $fields, array_filter( $this->payment() ), array_filter( $this->lines( $lines ) ), $this->extras() );
		return $this->with_items( $fields, $lines );
	}

	/**
	 * How the order is paid. The name of the method is always sent.
	 *
	 * @return array
	 */
	private function payment() {
		$order  = $this->order;
		$fields = array( 'payment_method' => Plain_Text::from_title( $order->get_payment_method_title() ) );
		if ( $this->sends( 'payment' ) ) {
			$fields['payment_method_id'] = Plain_Text::line( $order->get_payment_method() );
			$fields['paid_at']           = $order->get_date_paid() ? self::timestamp( $order->get_date_paid() ) : '';
		}
		if ( $this->sends( 'transaction' ) ) {
			$fields['transaction_id'] = Plain_Text::line( $order->get_transaction_id(), self::LONGEST_ID );
		}
		return $fields;
	}

	/**
	 * What the order consists of beside its items.
	 *
	 * @param Order_Lines $lines The lines of the order.
	 * @return array
	 */
	private function lines( Order_Lines $lines ) {
		$fields = array();
		if ( $this->sends( 'taxes' ) ) {
			$fields['subtotal']  = Amount::text( $this->order->get_subtotal() );
			$fields['tax_lines'] = $lines->taxes();
		}
		if ( $this->sends( 'shipping' ) ) {
			$fields['shipping_method'] = Plain_Text::from_title( $this->order->get_shipping_method() );
			$fields['shipping_lines']  = $lines->shipping();
		}
		if ( $this->sends( 'fees' ) ) {
			$fields['fee_lines'] = $lines->fees();
		}
		if ( $this->sends( 'coupons' ) ) {
			$fields['coupon_lines'] = $lines->coupons();
			$fields['coupon_codes'] = wp_list_pluck( $fields['coupon_lines'], 'code' );
		}
		return $fields;
	}

	/**
	 * What is off by default.
	 *
	 * @return array
	 */
	private function extras() {
		$extras = new Order_Extras( $this->order );
		$fields = array(
			'attribution'     => $this->sends( 'attribution' ) ? $extras->attribution() : array(),
			'checkout_fields' => $this->sends( 'checkout_fields' ) ? $extras->checkout_fields() : array(),
		);
		$sent   = array();
		foreach ( array_filter( $fields ) as $name => $values ) {
			$sent[ $name ] = (object) $values;
		}
		return $sent;
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
			'items'            => array(),
			'created_at'       => self::timestamp( $refund->get_date_created() ),
		);
		$lines = new Order_Lines( $refund );
		$more  = array(
			'fee_lines'      => $this->sends( 'fees' ) ? $lines->fees() : array(),
			'shipping_lines' => $this->sends( 'shipping' ) ? $lines->shipping() : array(),
		);
		return $this->with_items( array_merge( self::without_empty( $fields, array( 'reason', 'edit_url', 'view_url' ) ), array_filter( $more ) ), $lines );
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
			$customer['first_name'] = self::line( $order->get_billing_first_name() );
			$customer['last_name']  = self::line( $order->get_billing_last_name() );
			$customer['name']       = trim( $customer['first_name'] . ' ' . $customer['last_name'] );
			$customer['company']    = self::line( $order->get_billing_company() );
		}
		if ( $this->sends( 'email' ) ) {
			$customer['email'] = self::line( $order->get_billing_email() );
		}
		if ( $this->sends( 'phone' ) ) {
			$customer['phone'] = self::line( $order->get_billing_phone() );
		}
		if ( $this->sends( 'addresses' ) ) {
			$customer['billing']  = $this->address( 'billing' );
			$customer['shipping'] = $this->address( 'shipping' );
		}
		return array_filter( $customer );
	}

	/**
	 * An address; empty parts are left out. The names and the phone number in the billing address are those of the customer.
	 *
	 * @param string $which Either billing or shipping.
	 * @return string[]
	 */
	private function address( $which ) {
		$parts = self::ADDRESS;
		if ( 'shipping' === $which && $this->sends( 'name' ) ) {
			$parts = array_merge( self::NAMES, $parts );
		}
		// The phone number of the recipient exists since WooCommerce 5.6.
		if ( 'shipping' === $which && $this->sends( 'phone' ) && is_callable( array( $this->order, 'get_shipping_phone' ) ) ) {
			$parts[] = 'phone';
		}
		$address = array();
		foreach ( $parts as $part ) {
			$address[ $part ] = self::line( $this->order->{ 'get_' . $which . '_' . $part }() );
		}
		return array_filter( $address, 'strlen' );
	}

	/**
	 * A text that the customer entered. The block checkout stores it encoded ("R&amp;D"), the classic checkout as it was typed
	 * (AbstractAddressSchema::sanitize_callback() in src/StoreApi/Schemas/V1, wc_clean() in includes/wc-formatting-functions.php).
	 * An order does not always tell where its texts come from: renewals and copies have those of another order.
	 *
	 * @param mixed $text The text.
	 * @return string
	 */
	private static function line( $text ) {
		return Plain_Text::from_title( $text );
	}

	/**
	 * The fields with as many items as there is space for.
	 *
	 * @param array       $fields The other fields.
	 * @param Order_Lines $lines  The lines of the order or refund.
	 * @return array
	 */
	private function with_items( array $fields, Order_Lines $lines ) {
		if ( $this->sends( 'items' ) ) {
			$space           = self::MOST_BYTES - strlen( (string) wp_json_encode( $fields ) );
			$fields['items'] = $lines->items( $this->sends( 'item_options' ), $this->sends( 'taxes' ), $space );
			$left_out        = $lines->count_items() - count( $fields['items'] );
			if ( $left_out ) {
				$fields['items_left_out'] = $left_out;
			}
		}
		return $fields;
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
