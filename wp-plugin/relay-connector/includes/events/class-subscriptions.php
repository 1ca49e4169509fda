<?php
/**
 * Subscriptions of WooCommerce Subscriptions.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

use Relay_Connector\Sending\New_Event;

defined( 'ABSPATH' ) || exit;

/**
 * Sends a subscription once when it starts, for each change between two statuses, and for each renewal that is paid or
 * fails. The hooks are documented for other plugins and are the same since version 2.2; their order was read in 9.0.0
 * (includes/core/class-wc-subscription.php).
 */
final class Subscriptions extends Shop_Source {

	const CREATED = 'subscription.created';
	const CHANGED = 'subscription.status_changed';
	const RENEWED = 'subscription.renewed';
	const FAILED  = 'subscription.renewal_failed';
	const OBJECT  = 'subscription';

	/**
	 * The dates of a subscription that are sent, by the name of the field.
	 */
	const DATES = array(
		'started_at'      => 'start',
		'trial_end_at'    => 'trial_end',
		'next_payment_at' => 'next_payment',
		'ends_at'         => 'end',
	);

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'subscriptions';
	}

	/**
	 * The name on the settings page.
	 *
	 * @return string
	 */
	public function label() {
		return __( 'Subscriptions (WooCommerce Subscriptions)', 'relay-connector' );
	}

	/**
	 * The help text: what is sent and when.
	 *
	 * @return string
	 */
	public function help() {
		return __( 'A subscription is sent once when it starts, again each time its status changes, and each time a renewal is paid or its payment fails. It has the fields that you chose for orders.', 'relay-connector' );
	}

	/**
	 * Whether WooCommerce Subscriptions is active.
	 *
	 * @return bool
	 */
	public function is_available() {
		return parent::is_available() && function_exists( '\wcs_get_subscription' );
	}

	/**
	 * The plugin that is missing. It is of no use without WooCommerce.
	 *
	 * @return string[]
	 */
	public function missing() {
		return parent::is_available() && ! $this->is_available() ? array( 'WooCommerce Subscriptions' ) : array();
	}

	/**
	 * Listens to new, changed and renewed subscriptions. At a checkout, the subscription is saved before it has items.
	 */
	public function add_hooks() {
		add_action( 'woocommerce_new_subscription', array( $this, 'on_created' ), 20, 1 );
		add_action( 'woocommerce_checkout_subscription_created', array( $this, 'on_created' ), 20, 1 );
		add_action( 'woocommerce_subscription_status_updated', array( $this, 'on_status_updated' ), 20, 3 );
		add_action( 'woocommerce_subscription_renewal_payment_complete', array( $this, 'on_renewed' ), 20, 2 );
		add_action( 'woocommerce_subscription_renewal_payment_failed', array( $this, 'on_failed' ), 20, 2 );
	}

	/**
	 * Whether events of a type come from this source.
	 *
	 * @param string $type The event type.
	 * @return bool
	 */
	public function handles( $type ) {
		return in_array( $type, array( self::CREATED, self::CHANGED, self::RENEWED, self::FAILED ), true );
	}

	/**
	 * A subscription was created.
	 *
	 * @param int|\WC_Subscription $subscription The subscription or its id, depending on the hook.
	 */
	public function on_created( $subscription = 0 ) {
		$this->run_safely(
			function () use ( $subscription ) {
				$id = self::id_of( $subscription );
				if ( $this->is_sendable( $id ) ) {
					$this->queue_created( self::CREATED, '', self::OBJECT, $id );
				}
			}
		);
	}

	/**
	 * A subscription's status changed. A change from a draft status means that it was created.
	 *
	 * @param \WC_Subscription $subscription The subscription.
	 * @param string           $to           The new status.
	 * @param string           $from         The old status.
	 */
	public function on_status_updated( $subscription = null, $to = '', $from = '' ) {
		$this->run_safely(
			function () use ( $subscription, $to, $from ) {
				$id = self::id_of( $subscription );
				if ( in_array( $to, Orders::DRAFTS, true ) || ! $this->is_sendable( $id ) ) {
					return;
				}
				if ( '' === (string) $from || in_array( $from, Orders::DRAFTS, true ) ) {
					$this->queue_created( self::CREATED, '', self::OBJECT, $id );
				} elseif ( $from !== $to && Orders::TRASH !== $from && Orders::TRASH !== $to ) {
					$event             = new New_Event( self::CHANGED, $id, self::OBJECT . ':' . $id );
					$event->detail     = $from . ':' . $to;
					$event->is_initial = $this->was_created( self::OBJECT, $id );
					$this->outbox->add( $event );
				}
			}
		);
	}

	/**
	 * A renewal was paid.
	 *
	 * @param \WC_Subscription $subscription The subscription.
	 * @param \WC_Order        $order        The order of the renewal.
	 */
	public function on_renewed( $subscription = null, $order = null ) {
		$this->record_renewal( self::RENEWED, $subscription, $order );
	}

	/**
	 * The payment of a renewal failed.
	 *
	 * @param \WC_Subscription $subscription The subscription.
	 * @param \WC_Order        $order        The order of the renewal.
	 */
	public function on_failed( $subscription = null, $order = null ) {
		$this->record_renewal( self::FAILED, $subscription, $order );
	}

	/**
	 * The fields of the event: those of an order, from the subscription as it is now, and its dates.
	 *
	 * @param object $row The row.
	 * @return array
	 */
	public function data( $row ) {
		$subscription = wcs_get_subscription( (int) $row->object_id );
		$fields       = ( new Order_Fields( $subscription, $this->choices, Order_Changes::FIELDS_OF ) )->order();
		$parent       = (int) $subscription->get_parent_id();
		$more         = array(
			'billing_period'   => (string) $subscription->get_billing_period(),
			'billing_interval' => (int) $subscription->get_billing_interval(),
			'parent_order_id'  => $parent ? $parent : null,
		);
		foreach ( self::DATES as $name => $date ) {
			$time          = (int) $subscription->get_time( $date );
			$more[ $name ] = $time ? Text::timestamp( $time ) : null;
		}
		$fields += self::without_empty( $more );
		if ( self::CHANGED === $row->event_type ) {
			list( $from, $to ) = array_pad( explode( ':', (string) $row->detail ), 2, '' );

			$fields['current_status'] = $fields['status'];
			if ( '' !== $to ) {
				$fields['status']          = $to;
				$fields['previous_status'] = $from;
			}
			if ( ! empty( $row->is_initial ) ) {
				$fields['initial'] = true;
			}
		} elseif ( self::CREATED !== $row->event_type ) {
			$order = wc_get_order( (int) $row->detail );

			$fields['order_id'] = (int) $row->detail;
			if ( $order ) {
				$fields['order_number'] = (string) $order->get_order_number();
			}
		}
		return $fields;
	}

	/**
	 * The person's e-mail address.
	 *
	 * @param object $row The row.
	 * @return string
	 */
	public function email( $row ) {
		$subscription = $this->is_available() ? wcs_get_subscription( (int) $row->object_id ) : null;
		return $subscription ? (string) $subscription->get_billing_email() : '';
	}

	/**
	 * The display name of an event.
	 *
	 * @param object $row The row.
	 * @return array With label and url.
	 */
	public function describe( $row ) {
		$subscription = $this->is_available() ? wcs_get_subscription( (int) $row->object_id ) : null;
		if ( ! $subscription ) {
			return array(
				/* translators: %d: number of a subscription. */
				'label' => sprintf( __( 'Subscription %d (deleted)', 'relay-connector' ), $row->object_id ),
				'url'   => '',
			);
		}
		/* translators: %s: number of a subscription. */
		$label = sprintf( __( 'Subscription %s', 'relay-connector' ), $subscription->get_order_number() );
		if ( self::CHANGED === $row->event_type && '' !== (string) $row->detail ) {
			$label .= ': ' . Orders::change_text( $row->detail, '\wcs_get_subscription_status_name' );
		}
		return array(
			'label' => $label,
			'url'   => (string) $subscription->get_edit_order_url(),
		);
	}

	/**
	 * Whether a subscription exists and has started.
	 *
	 * @param int $id The subscription.
	 * @return bool
	 */
	protected function is_sendable( $id ) {
		$subscription = $id > 0 && $this->is_available() ? wcs_get_subscription( $id ) : null;
		return $subscription && Orders::TRASH !== $subscription->get_status() && ! in_array( $subscription->get_status(), Orders::DRAFTS, true );
	}

	/**
	 * Records a renewal. The detail is the id of its order.
	 *
	 * @param string           $type         The event type.
	 * @param \WC_Subscription $subscription The subscription.
	 * @param \WC_Order        $order        The order of the renewal.
	 */
	private function record_renewal( $type, $subscription, $order ) {
		$this->run_safely(
			function () use ( $type, $subscription, $order ) {
				$id = self::id_of( $subscription );
				if ( $this->is_sendable( $id ) ) {
					$this->queue_change( $type, self::OBJECT, $id, (string) self::id_of( $order ) );
				}
			}
		);
	}
}
