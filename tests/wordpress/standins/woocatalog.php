<?php
/**
 * Plugin Name: Stand-in for the catalog of WooCommerce
 *
 * For tests only. Products and coupons are posts, customers are users, as in WooCommerce 11.0.1: each save of an existing
 * object fires an update, also if nothing has changed (includes/data-stores/), WordPress tells of the status first, and a
 * sale saves the product before it tells that the stock is low (includes/wc-stock-functions.php).
 */

class Standin_WC_Object {
	protected $id   = 0;
	protected $data = array();

	const TYPE = '';

	public function __construct( $id = 0 ) {
		$post = $id ? get_post( $id ) : null;
		if ( $post ) {
			$this->id   = (int) $post->ID;
			$this->data = (array) get_post_meta( $post->ID, '_standin', true ) + array( 'name' => $post->post_title );
		}
	}

	public function __call( $name, $arguments ) {
		$property = substr( $name, 4 );
		if ( 0 === strpos( $name, 'set_' ) ) {
			$this->data[ $property ] = $arguments[0];
			return null;
		}
		if ( 0 === strpos( $name, 'get_date_' ) ) {
			return isset( $this->data[ $property ] ) ? new DateTime( '@' . $this->data[ $property ] ) : null;
		}
		if ( 0 === strpos( $name, 'get_' ) ) {
			return isset( $this->data[ $property ] ) ? $this->data[ $property ] : '';
		}
		throw new BadMethodCallException( $name );
	}

	public function get_id() {
		return $this->id;
	}

	public function get_status() {
		return $this->id ? get_post_status( $this->id ) : 'publish';
	}

	public function save() {
		$is_new = ! $this->id;
		$post   = array(
			'post_type'   => static::TYPE,
			'post_title'  => isset( $this->data['name'] ) ? $this->data['name'] : '',
			'post_parent' => isset( $this->data['parent_id'] ) ? $this->data['parent_id'] : 0,
			'post_status' => isset( $this->data['status'] ) ? $this->data['status'] : ( $is_new ? 'publish' : get_post_status( $this->id ) ),
		);
		if ( $is_new ) {
			$this->id                   = wp_insert_post( wp_slash( $post ) );
			$this->data['date_created'] = time();
		} else {
			wp_update_post( wp_slash( array( 'ID' => $this->id ) + $post ) );
		}
		update_post_meta( $this->id, '_standin', wp_slash( $this->data ) );
		$this->told( $is_new );
		return $this->id;
	}
}

class Standin_WC_Product extends Standin_WC_Object {
	const TYPE = 'product';

	public function get_type() {
		return 'simple';
	}

	public function get_parent_id() {
		return isset( $this->data['parent_id'] ) ? $this->data['parent_id'] : 0;
	}

	public function managing_stock() {
		return isset( $this->data['stock_quantity'] );
	}

	public function get_stock_quantity() {
		return isset( $this->data['stock_quantity'] ) ? $this->data['stock_quantity'] : null;
	}

	public function get_stock_status() {
		return isset( $this->data['stock_quantity'] ) && $this->data['stock_quantity'] <= 0 ? 'outofstock' : 'instock';
	}

	public function get_permalink() {
		return get_permalink( $this->id );
	}

	protected function told( $is_new ) {
		do_action( $is_new ? 'woocommerce_new_product' : 'woocommerce_update_product', $this->id, $this );
	}
}

class Standin_WC_Product_Variation extends Standin_WC_Product {
	const TYPE = 'product_variation';

	public function get_type() {
		return 'variation';
	}

	protected function told( $is_new ) {
		do_action( $is_new ? 'woocommerce_new_product_variation' : 'woocommerce_update_product_variation', $this->id, $this );
	}
}

class WC_Coupon extends Standin_WC_Object {
	const TYPE = 'shop_coupon';

	public function get_code() {
		return $this->data['name'];
	}

	protected function told( $is_new ) {
		do_action( $is_new ? 'woocommerce_new_coupon' : 'woocommerce_update_coupon', $this->id, $this );
	}
}

class WC_Customer extends Standin_WC_Object {
	public function __construct( $id = 0 ) {
		$this->id   = (int) $id;
		$user       = get_userdata( $id );
		$this->data = (array) get_user_meta( $id, '_standin', true ) + array( 'email' => $user->user_email, 'date_created' => strtotime( $user->user_registered . ' UTC' ) );
	}

	public function get_is_paying_customer() {
		return (bool) get_user_meta( $this->id, 'paying_customer', true );
	}

	public function save() {
		update_user_meta( $this->id, '_standin', $this->data );
		// WooCommerce saves the user too, which fires profile_update.
		wp_update_user( array( 'ID' => $this->id, 'display_name' => trim( $this->get_first_name() . ' ' . $this->get_last_name() ) ) );
		do_action( 'woocommerce_update_customer', $this->id, $this );
		return $this->id;
	}
}

function standin_wc_types() {
	add_role( 'customer', 'Customer', array( 'read' => true ) );
	foreach ( array( 'product', 'product_variation', 'shop_coupon' ) as $type ) {
		register_post_type( $type, array( 'public' => 'shop_coupon' !== $type ) );
	}
	register_taxonomy( 'product_cat', 'product' );
}
add_action( 'init', 'standin_wc_types' );

function wc_get_product( $id = false ) {
	$type = get_post_type( $id );
	if ( 'product_variation' === $type ) {
		return new Standin_WC_Product_Variation( $id );
	}
	return 'product' === $type ? new Standin_WC_Product( $id ) : false;
}

function get_woocommerce_currency() {
	return 'EUR';
}

function wc_get_low_stock_amount( $product ) {
	return 2;
}

/**
 * An order reduces the stock.
 */
function standin_wc_sell( $id, $quantity = 1 ) {
	$product = wc_get_product( $id );
	$product->set_stock_quantity( $product->get_stock_quantity() - $quantity );
	$product->save();
	if ( $product->get_stock_quantity() <= 0 ) {
		do_action( 'woocommerce_no_stock', wc_get_product( $id ) );
	} elseif ( $product->get_stock_quantity() <= 2 ) {
		do_action( 'woocommerce_low_stock', wc_get_product( $id ) );
	}
}

/**
 * An account of a customer: the role is set after user_register, as by a form that uses wp_insert_user() without a role.
 */
function standin_wc_customer( $login ) {
	$id = wp_insert_user( array( 'user_login' => $login, 'user_pass' => 'x', 'user_email' => $login . '@example.org', 'role' => 'customer' ) );
	do_action( 'woocommerce_created_customer', $id, array(), false );
	return $id;
}

/**
 * Fires a hook of WordPress as for an order that is a post. WordPress's own callbacks would look for the post.
 */
function standin_wc_post_hook( $hook, $id ) {
	remove_all_actions( $hook, 10 );
	do_action( $hook, $id, '' );
}

/**
 * Moves an order to the trash, restores it or deletes it. Where orders are posts, WordPress's own hooks fire too.
 */
function standin_wc_trash_order( $id ) {
	$order = wc_get_order( $id );
	do_action( 'woocommerce_before_trash_order', $id, $order );
	standin_wc_post_hook( 'wp_trash_post', $id );
	$order->update_meta_data( 'was', $order->get_status() );
	$order->set_status( 'trash' );
	$order->save();
	do_action( 'woocommerce_trash_order', $id );
}

function standin_wc_untrash_order( $id ) {
	$order = wc_get_order( $id );
	do_action( 'woocommerce_untrash_order', $id, $order->get_meta( 'was' ) );
	$order->update_status( $order->get_meta( 'was' ) );
	standin_wc_post_hook( 'untrashed_post', $id );
}

function standin_wc_delete_order( $id ) {
	do_action( 'woocommerce_before_delete_order', $id, wc_get_order( $id ) );
	standin_wc_post_hook( 'before_delete_post', $id );
	$all = get_option( 'standin_wc_orders' );
	unset( $all[ $id ] );
	update_option( 'standin_wc_orders', $all, false );
	do_action( 'woocommerce_delete_order', $id );
}
