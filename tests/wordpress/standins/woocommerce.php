<?php
/**
 * Plugin Name: Stand-in for WooCommerce
 *
 * For tests only. Orders live in an option and can only be read by their getters: whoever looks into posts or their meta
 * finds nothing, as with orders in tables of their own. Hooks fire as seen on 11.0.1.
 */

namespace Automattic\WooCommerce\Utilities {

	class FeaturesUtil {
		public static $declared = array();

		public static function declare_compatibility( $feature, $file, $positive = true ) {
			self::$declared[ $feature ] = array( $file, $positive );
			return true;
		}
	}
}

namespace {

	class WC_DateTime extends DateTime {
	}

	class WC_Product {
		private $sku;

		public function __construct( $sku ) {
			$this->sku = $sku;
		}

		public function get_sku( $context = 'view' ) {
			return $this->sku;
		}
	}

	class WC_Order_Item_Product {
		private $line;

		public function __construct( array $line ) {
			$this->line = $line;
		}

		public function get_name( $context = 'view' ) {
			return $this->line['name'];
		}

		public function get_quantity( $context = 'view' ) {
			return $this->line['quantity'];
		}

		public function get_total( $context = 'view' ) {
			return $this->line['total'];
		}

		public function get_product_id( $context = 'view' ) {
			return $this->line['product_id'];
		}

		public function get_variation_id( $context = 'view' ) {
			return isset( $this->line['variation_id'] ) ? $this->line['variation_id'] : 0;
		}

		public function get_product() {
			return isset( $this->line['sku'] ) ? new WC_Product( $this->line['sku'] ) : false;
		}
	}

	abstract class WC_Abstract_Order {
		protected $id   = 0;
		protected $data = array();

		public function __construct( $id = 0 ) {
			$all = get_option( 'standin_wc_orders', array() );
			if ( $id && isset( $all[ $id ] ) ) {
				$this->id   = (int) $id;
				$this->data = $all[ $id ];
			}
		}

		public function __call( $name, $arguments ) {
			$property = substr( $name, 4 );
			if ( 0 === strpos( $name, 'set_' ) ) {
				$this->data[ $property ] = $arguments[0];
				return null;
			}
			if ( 0 === strpos( $name, 'get_billing_' ) || 0 === strpos( $name, 'get_shipping_' ) || 0 === strpos( $name, 'get_' ) ) {
				return isset( $this->data[ $property ] ) ? $this->data[ $property ] : '';
			}
			throw new BadMethodCallException( $name );
		}

		public function get_id() {
			return $this->id;
		}

		public function get_order_number() {
			return isset( $this->data['order_number'] ) ? $this->data['order_number'] : (string) $this->id;
		}

		public function get_status( $context = 'view' ) {
			return isset( $this->data['status'] ) ? $this->data['status'] : 'pending';
		}

		public function get_currency( $context = 'view' ) {
			return isset( $this->data['currency'] ) ? $this->data['currency'] : 'EUR';
		}

		public function get_total( $context = 'view' ) {
			return isset( $this->data['total'] ) ? $this->data['total'] : '0.00';
		}

		public function get_items( $types = 'line_item' ) {
			$items = array();
			foreach ( isset( $this->data['lines'] ) ? $this->data['lines'] : array() as $i => $line ) {
				$items[ 900 + $i ] = new WC_Order_Item_Product( $line );
			}
			return $items;
		}

		public function get_date_created( $context = 'view' ) {
			return isset( $this->data['created'] ) ? new WC_DateTime( '@' . $this->data['created'] ) : null;
		}

		public function get_meta( $key = '', $single = true, $context = 'view' ) {
			return isset( $this->data['meta'][ $key ] ) ? $this->data['meta'][ $key ] : '';
		}

		public function update_meta_data( $key, $value, $meta_id = 0 ) {
			$this->data['meta'][ $key ] = $value;
		}

		public function save_meta_data() {
			$this->write();
			// What tables of their own do unless they are told not to.
			if ( apply_filters( 'woocommerce_orders_table_datastore_should_save_after_meta_change', true ) ) {
				do_action( 'woocommerce_update_order', $this->id, $this );
			}
		}

		public function get_parent_id( $context = 'view' ) {
			return isset( $this->data['parent_id'] ) ? $this->data['parent_id'] : 0;
		}

		protected function write() {
			$all = get_option( 'standin_wc_orders', array() );
			if ( ! $this->id ) {
				$this->id              = count( $all ) + 1001;
				$this->data['created'] = time();
			}
			$all[ $this->id ] = $this->data;
			update_option( 'standin_wc_orders', $all, false );
		}
	}

	class WC_Order extends WC_Abstract_Order {
		const DRAFTS = array( 'auto-draft', 'draft', 'new', 'checkout-draft' );

		private $was = null;

		public function get_type() {
			return 'shop_order';
		}

		public function get_edit_order_url() {
			return admin_url( 'admin.php?page=wc-orders&action=edit&id=' . $this->id );
		}

		public function get_view_order_url() {
			return home_url( '/my-account/view-order/' . $this->id . '/' );
		}

		public function get_total_refunded() {
			$sum = 0.0;
			foreach ( get_option( 'standin_wc_orders', array() ) as $one ) {
				$sum += isset( $one['parent_id'], $one['amount'] ) && $one['parent_id'] === $this->id ? (float) $one['amount'] : 0;
			}
			return $sum;
		}

		public function set_status( $status, $note = '' ) {
			$this->was            = $this->id ? $this->get_status() : '';
			$this->data['status'] = $status;
		}

		public function update_status( $status, $note = '', $manual = false ) {
			$this->set_status( $status );
			$this->save();
			return true;
		}

		public function save() {
			$is_new    = ! $this->id;
			$was_draft = null !== $this->was && in_array( $this->was, self::DRAFTS, true );
			$is_draft  = in_array( $this->get_status(), self::DRAFTS, true );
			$this->write();
			if ( ( $is_new || $was_draft ) && ! $is_draft ) {
				do_action( 'woocommerce_new_order', $this->id, $this );
			} elseif ( ! $is_new ) {
				do_action( 'woocommerce_update_order', $this->id, $this );
			}
			$from      = $this->was;
			$to        = $this->get_status();
			$this->was = null;
			if ( null !== $from && $from !== $to ) {
				do_action( 'woocommerce_order_status_' . $to, $this->id, $this );
				if ( '' !== $from ) {
					// The note about it is a comment.
					wp_insert_comment(
						array(
							'comment_post_ID'  => 1,
							'comment_author'   => 'WooCommerce',
							'comment_content'  => "Order status changed from $from to $to.",
							'comment_type'     => 'order_note',
							'comment_approved' => 1,
						)
					);
					do_action( 'woocommerce_order_status_' . $from . '_to_' . $to, $this->id, $this );
					do_action( 'woocommerce_order_status_changed', $this->id, $from, $to, $this );
				}
			}
			return $this->id;
		}
	}

	class WC_Order_Refund extends WC_Abstract_Order {
		public function get_type() {
			return 'shop_order_refund';
		}

		public function save() {
			$this->write();
			return $this->id;
		}
	}

	function wc_get_price_decimals() {
		return 2;
	}

	function wc_get_order( $id = false ) {
		$all = get_option( 'standin_wc_orders', array() );
		if ( ! is_numeric( $id ) || ! isset( $all[ (int) $id ] ) ) {
			return false;
		}
		return isset( $all[ (int) $id ]['amount'] ) ? new WC_Order_Refund( (int) $id ) : new WC_Order( (int) $id );
	}

	/**
	 * As by code: the hook fires before there is anything in the order.
	 */
	function wc_create_order( $args = array() ) {
		$order = new WC_Order();
		$order->set_status( 'pending' );
		$order->save();
		return $order;
	}

	function wc_create_refund( array $args ) {
		$refund = new WC_Order_Refund();
		$refund->set_parent_id( $args['order_id'] );
		$refund->set_amount( $args['amount'] );
		$refund->set_reason( $args['reason'] );
		$refund->set_lines( isset( $args['lines'] ) ? $args['lines'] : array() );
		$refund->save();
		$order = wc_get_order( $args['order_id'] );
		if ( (float) $order->get_total() - $order->get_total_refunded() > 0 ) {
			do_action( 'woocommerce_order_partially_refunded', $order->get_id(), $refund->get_id() );
		} else {
			do_action( 'woocommerce_order_fully_refunded', $order->get_id(), $refund->get_id() );
			$order->update_status( 'refunded' );
		}
		do_action( 'woocommerce_refund_created', $refund->get_id(), $args );
		do_action( 'woocommerce_order_refunded', $order->get_id(), $refund->get_id() );
		return $refund;
	}

	function standin_wc_fill( WC_Order $order ) {
		$order->set_order_number( 'SHOP-' . $order->get_id() );
		$order->set_total( '129.9' );
		$order->set_total_tax( '20.74' );
		$order->set_billing_first_name( 'Jane' );
		$order->set_billing_last_name( "O'Neill & Söhne" );
		$order->set_billing_email( 'jane@example.org' );
		$order->set_billing_phone( '+49 221 1' );
		$order->set_billing_city( 'Köln' );
		$order->set_billing_country( 'DE' );
		$order->set_customer_note( "Ring twice\x07" );
		$order->set_payment_method_title( 'Invoice' );
		$order->set_lines(
			array(
				array(
					'name'       => 'Blue teapot',
					'sku'        => 'TEA-BLUE',
					'product_id' => 5,
					'quantity'   => 1,
					'total'      => '89.9',
				),
				array(
					'name'         => 'Green tea',
					'product_id'   => 6,
					'variation_id' => 7,
					'quantity'     => 2,
					'total'        => '40',
				),
			)
		);
	}

	/**
	 * The block checkout: a draft that is saved again and again, then placed, then paid.
	 */
	function standin_wc_block_checkout() {
		$order = new WC_Order();
		$order->set_status( 'checkout-draft' );
		$order->save();
		standin_wc_fill( $order );
		for ( $i = 0; $i < 5; $i++ ) {
			$order->save();
		}
		$order->set_status( 'pending' );
		$order->save();
		do_action( 'woocommerce_store_api_checkout_order_processed', $order );
		$order->update_status( 'processing' );
		// A late save hands over an object that still shows what was.
		do_action( 'woocommerce_update_order', $order->get_id(), $order );
		return $order->get_id();
	}

	/**
	 * The classic checkout.
	 */
	function standin_wc_classic_checkout() {
		$order = new WC_Order();
		do_action( 'woocommerce_checkout_create_order', $order, array() );
		standin_wc_fill( $order );
		$order->set_status( 'pending' );
		$order->save();
		do_action( 'woocommerce_checkout_order_created', $order );
		do_action( 'woocommerce_checkout_order_processed', $order->get_id(), array( 'payment_method' => 'invoice' ), $order );
		$order->update_status( 'on-hold' );
		return $order->get_id();
	}

	/**
	 * "Add order" in the admin: an empty draft first, the rest when it is saved.
	 */
	function standin_wc_admin_order() {
		$order = new WC_Order();
		$order->set_status( 'auto-draft' );
		$order->save();
		standin_wc_fill( $order );
		$order->set_status( 'processing' );
		$order->save();
		return $order->get_id();
	}

	/**
	 * "Add order" in the admin with orders in posts tables. As seen on 11.0.1: a callback of woocommerce_new_order with
	 * priority 10 saves the order, whose change from pending is still open (class-wc-order-data-store-cpt.php, update(),
	 * and class-wc-order.php, status_transition()), so the change is reported before later callbacks see the new order.
	 */
	function standin_wc_admin_order_in_posts() {
		$order = new WC_Order();
		$order->set_status( 'auto-draft' );
		$order->save();
		standin_wc_fill( $order );
		$order->set_status( 'processing' );
		$save_again = static function ( $id ) use ( $order ) {
			do_action( 'woocommerce_order_status_processing', $id, $order );
			do_action( 'woocommerce_order_status_changed', $id, 'pending', 'processing', $order );
		};
		add_action( 'woocommerce_new_order', $save_again, 10 );
		$order->save();
		remove_action( 'woocommerce_new_order', $save_again, 10 );
		return $order->get_id();
	}

	add_action(
		'init',
		static function () {
			do_action( 'before_woocommerce_init' );
		},
		0
	);
}
