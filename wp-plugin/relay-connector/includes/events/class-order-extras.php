<?php
/**
 * What an order has beyond WooCommerce's usual fields.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * Reads the order's metadata: where the customer came from, and the answers to additional questions of the checkout.
 */
final class Order_Extras {

	/**
	 * WooCommerce's order attribution (src/Internal/Traits/OrderAttributionMeta.php). The browser's identification and the
	 * times of the visit are not sent.
	 */
	const ATTRIBUTION_PREFIX = '_wc_order_attribution_';
	const ATTRIBUTION        = array( 'source_type', 'utm_source', 'utm_medium', 'utm_campaign', 'utm_term', 'utm_content', 'utm_id', 'referrer', 'session_entry', 'device_type' );

	/**
	 * Fields of the block checkout (src/Blocks/Domain/Services/CheckoutFields.php): the metadata of each group.
	 */
	const BLOCK_FIELDS = array(
		'other'    => '_wc_other/',
		'billing'  => '_wc_billing/',
		'shipping' => '_wc_shipping/',
	);

	/**
	 * Fields that plugins and themes add to the classic checkout: WooCommerce stores those of the two addresses with these
	 * prefixes (WC_Checkout::create_order() in includes/class-wc-checkout.php). Plugins store the others under their own names.
	 */
	const CLASSIC_FIELDS = '/^_((?:billing|shipping)_[a-z0-9_-]+)$/iD';

	/**
	 * Metadata of WooCommerce itself that looks like such fields.
	 */
	const NO_FIELDS = '/^(?:_billing_address_index|_shipping_address_index|_shipping_(?:hash|tax|total|method|email)|is_vat_exempt)$/D';

	/**
	 * The size of each map as JSON.
	 */
	const MOST_BYTES    = 16000;
	const LONGEST_LABEL = 100;
	const LONGEST_VALUE = 500;

	/**
	 * The order.
	 *
	 * @var \WC_Order
	 */
	private $order;

	/**
	 * Takes the order.
	 *
	 * @param \WC_Order $order The order.
	 */
	public function __construct( $order ) {
		$this->order = $order;
	}

	/**
	 * Where the customer came from.
	 *
	 * @return string[] By name.
	 */
	public function attribution() {
		$found = array();
		foreach ( self::ATTRIBUTION as $name ) {
			$value = $this->order->get_meta( self::ATTRIBUTION_PREFIX . $name );
			$value = is_scalar( $value ) ? Plain_Text::sanitized_line( $value, self::LONGEST_VALUE ) : '';
			if ( '' !== $value && '(none)' !== $value ) {
				$found[ $name ] = $value;
			}
		}
		return Order_Lines::fitting( $found, self::MOST_BYTES );
	}

	/**
	 * The answers to additional questions of the checkout. Those of the block checkout have their labels, the others have
	 * the names of their metadata.
	 *
	 * @return string[] By label or name.
	 */
	public function checkout_fields() {
		$found = array();
		foreach ( $this->order->get_meta_data() as $meta ) {
			list( $label, $value ) = $this->checkout_field( (string) $meta->key, $meta->value );
			if ( '' === $label || '' === $value ) {
				continue;
			}
			$free  = $label;
			$count = 1;
			while ( isset( $found[ $free ] ) ) {
				++$count;
				$free = $label . ' (' . $count . ')';
			}
			$found[ $free ] = $value;
		}
		return Order_Lines::fitting( $found, self::MOST_BYTES );
	}

	/**
	 * A field of the checkout.
	 *
	 * @param string $key   The key of the metadata.
	 * @param mixed  $value Its value.
	 * @return string[] Its label and its value, both '' if it is no field of the checkout.
	 */
	private function checkout_field( $key, $value ) {
		if ( ! is_scalar( $value ) || 1 === preg_match( self::NO_FIELDS, $key ) || Field_Types::is_secret_name( $key ) ) {
			return array( '', '' );
		}
		foreach ( self::BLOCK_FIELDS as $group => $prefix ) {
			if ( 0 === strpos( $key, $prefix ) ) {
				return $this->block_field( substr( $key, strlen( $prefix ) ), $group, $value );
			}
		}
		$found = array();
		if ( 1 === preg_match( self::CLASSIC_FIELDS, $key, $found ) ) {
			$key = $found[1];
		}
		return '_' === substr( $key, 0, 1 ) ? array( '', '' ) : array( Plain_Text::line( $key, self::LONGEST_LABEL ), self::value( $value ) );
	}

	/**
	 * A field of the block checkout.
	 *
	 * @param string $id    The field's id, such as my-plugin/size.
	 * @param string $group One of the keys of BLOCK_FIELDS.
	 * @param mixed  $value Its value.
	 * @return string[] Its label and its value.
	 */
	private function block_field( $id, $group, $value ) {
		$known = self::known_block_fields();
		$label = empty( $known[ $id ]['label'] ) ? $id : Plain_Text::from_title( $known[ $id ]['label'], self::LONGEST_LABEL );
		$type  = isset( $known[ $id ]['type'] ) ? $known[ $id ]['type'] : '';
		if ( 'other' !== $group ) {
			$label .= 'billing' === $group ? ' (billing)' : ' (shipping)';
		}
		if ( 'checkbox' === $type ) {
			return array( $label, $value ? 'yes' : 'no' );
		}
		if ( 'select' === $type ) {
			$labels = array_column( isset( $known[ $id ]['options'] ) ? (array) $known[ $id ]['options'] : array(), 'label', 'value' );
			$value  = isset( $labels[ $value ] ) ? $labels[ $value ] : $value;
		}
		return array( $label, self::value( $value ) );
	}

	/**
	 * The fields that plugins have added to the block checkout.
	 *
	 * @return array[] By id, each with label, type and options.
	 */
	private static function known_block_fields() {
		try {
			if ( class_exists( '\Automattic\WooCommerce\Blocks\Package' ) && class_exists( '\Automattic\WooCommerce\Blocks\Domain\Services\CheckoutFields' ) ) {
				return (array) \Automattic\WooCommerce\Blocks\Package::container()->get( \Automattic\WooCommerce\Blocks\Domain\Services\CheckoutFields::class )->get_additional_fields();
			}
		} catch ( \Throwable $error ) {
			// An unknown version of WooCommerce: the ids are the labels.
			unset( $error );
		}
		return array();
	}

	/**
	 * An answer as text. The block checkout encodes it, the classic checkout does not.
	 *
	 * @param mixed $value The answer.
	 * @return string
	 */
	private static function value( $value ) {
		return is_bool( $value ) ? ( $value ? 'yes' : 'no' ) : Text::cut( Plain_Text::from_html( $value ), self::LONGEST_VALUE );
	}
}
