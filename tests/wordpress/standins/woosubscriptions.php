<?php
/**
 * Plugin Name: Stand-in for WooCommerce Subscriptions
 *
 * For tests only. Like WooCommerce Subscriptions 9.0.0 (includes/core/class-wc-subscription.php): a subscription is an
 * order of its own type; it is saved before it has items; a status is told with the subscription, the new and the old one;
 * a failed renewal changes the status before its own hook fires.
 */

if ( class_exists( 'WC_Order' ) ) {

	class WC_Subscription extends WC_Order {
		public function get_type() {
			return 'shop_subscription';
		}

		public function get_time( $date ) {
			return isset( $this->data['dates'][ $date ] ) ? $this->data['dates'][ $date ] : 0;
		}

		public function save() {
			$is_new = ! $this->id;
			$this->write();
			if ( $is_new ) {
				do_action( 'woocommerce_new_subscription', $this->id );
			}
			return $this->id;
		}

		public function update_status( $status, $note = '', $manual = false ) {
			$from = $this->get_status();
			$this->data['status'] = $status;
			$this->save();
			if ( $from !== $status ) {
				do_action( 'woocommerce_subscription_status_updated', $this, $status, $from );
				do_action( 'woocommerce_subscription_status_changed', $this->id, $from, $status, $this );
			}
			return true;
		}
	}

	/**
	 * includes/core/wcs-functions.php: an unknown status is its own name.
	 */
	function wcs_get_subscription_status_name( $status ) {
		$names = array(
			'pending' => 'Pending',
			'active'  => 'Active',
			'on-hold' => 'On hold',
		);
		return isset( $names[ $status ] ) ? $names[ $status ] : $status;
	}

	function wcs_get_subscription( $id ) {
		$id  = is_object( $id ) ? $id->get_id() : $id;
		$all = get_option( 'standin_wc_orders', array() );
		return isset( $all[ $id ]['billing_period'] ) ? new WC_Subscription( $id ) : false;
	}

	/**
	 * A subscription is bought.
	 */
	function standin_wcs_buy() {
		$subscription = new WC_Subscription();
		$subscription->set_billing_period( 'month' );
		$subscription->set_billing_interval( '1' );
		$subscription->set_status( 'pending' );
		$subscription->save();
		standin_wc_fill( $subscription );
		$subscription->set_dates( array( 'start' => 1772352000, 'next_payment' => 1775030400 ) );
		$subscription->save();
		do_action( 'woocommerce_checkout_subscription_created', $subscription, null, null );
		$subscription->update_status( 'active' );
		return $subscription->get_id();
	}

	function standin_wcs_renew( $id, $is_paid = true ) {
		$subscription = wcs_get_subscription( $id );
		$subscription->update_status( 'on-hold' );
		$order = wc_create_order();
		$order->set_order_number( 'R-' . $order->get_id() );
		$order->update_status( $is_paid ? 'processing' : 'failed' );
		if ( $is_paid ) {
			$subscription->update_status( 'active' );
			do_action( 'woocommerce_subscription_payment_complete', $subscription );
			do_action( 'woocommerce_subscription_renewal_payment_complete', $subscription, $order );
		} else {
			do_action( 'woocommerce_subscription_payment_failed', $subscription, 'on-hold' );
			do_action( 'woocommerce_subscription_renewal_payment_failed', $subscription, $order );
		}
		return $order->get_id();
	}
}
