<?php
/**
 * Further changes of WooCommerce orders.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * Sends an order each time it is saved, when it is deleted, and when it is restored from the trash. Listens to the hooks
 * of WooCommerce's own webhooks (WC_Webhook::get_default_topic_hooks() in includes/class-wc-webhook.php). Whether orders
 * are posts or have tables of their own, each change is one event.
 */
final class Order_Changes extends Shop_Source {

	const UPDATED  = 'order.updated';
	const DELETED  = 'order.deleted';
	const RESTORED = 'order.restored';
	const OBJECT   = 'order';

	/**
	 * The source that has the fields.
	 */
	const FIELDS_OF = 'orders';

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'order_changes';
	}

	/**
	 * The name on the settings page.
	 *
	 * @return string
	 */
	public function label() {
		return __( 'Order updates (WooCommerce)', 'relay-connector' );
	}

	/**
	 * The help text: what is sent and when.
	 *
	 * @return string
	 */
	public function help() {
		return __( 'An order is sent each time it is saved, with the fields that you chose for orders. A deleted order is sent with its number and total only. An order that is restored from the trash is sent again.', 'relay-connector' );
	}

	/**
	 * Listens to saved, deleted and restored orders.
	 */
	public function add_hooks() {
		add_action( 'woocommerce_new_order', array( $this, 'on_created' ), Orders::FIRST, 1 );
		add_action( 'woocommerce_order_status_changed', array( $this, 'on_status_changed' ), 20, 2 );
		add_action( 'woocommerce_update_order', array( $this, 'on_updated' ), 20, 1 );
		add_action( 'woocommerce_order_refunded', array( $this, 'on_updated' ), 20, 1 );
		add_action( 'woocommerce_before_trash_order', array( $this, 'on_trash' ), 20, 1 );
		add_action( 'woocommerce_before_delete_order', array( $this, 'on_delete' ), 20, 1 );
		add_action( 'wp_trash_post', array( $this, 'on_trash' ), 20, 1 );
		add_action( 'before_delete_post', array( $this, 'on_delete' ), 20, 1 );
		add_action( 'woocommerce_untrash_order', array( $this, 'on_restored' ), 20, 1 );
		add_action( 'untrashed_post', array( $this, 'on_restored' ), 20, 1 );
	}

	/**
	 * Whether events of a type come from this source.
	 *
	 * @param string $type The event type.
	 * @return bool
	 */
	public function handles( $type ) {
		return in_array( $type, array( self::UPDATED, self::DELETED, self::RESTORED ), true );
	}

	/**
	 * An order was created. It has an event of its own.
	 *
	 * @param int $id The order.
	 */
	public function on_created( $id = 0 ) {
		$this->mark_created( self::OBJECT, self::number( $id ) );
	}

	/**
	 * A draft became an order.
	 *
	 * @param int    $id   The order.
	 * @param string $from The old status.
	 */
	public function on_status_changed( $id = 0, $from = '' ) {
		if ( in_array( $from, Orders::DRAFTS, true ) ) {
			$this->mark_created( self::OBJECT, self::number( $id ) );
		}
	}

	/**
	 * An order was saved or refunded.
	 *
	 * @param int $id The order.
	 */
	public function on_updated( $id = 0 ) {
		$this->run_safely(
			function () use ( $id ) {
				if ( $this->is_sendable( self::number( $id ) ) ) {
					$this->queue_updated( self::UPDATED, self::OBJECT, self::number( $id ) );
				}
			}
		);
	}

	/**
	 * An order is about to be moved to the trash. With posts, wp_trash_post() and WooCommerce tell it both.
	 *
	 * @param int $id The order or another post.
	 */
	public function on_trash( $id = 0 ) {
		$this->record_deleted( $id, false );
	}

	/**
	 * An order is about to be deleted permanently.
	 *
	 * @param int $id The order or another post.
	 */
	public function on_delete( $id = 0 ) {
		$this->record_deleted( $id, true );
	}

	/**
	 * An order is restored from the trash, with its status in a moment.
	 *
	 * @param int $id The order or another post.
	 */
	public function on_restored( $id = 0 ) {
		$this->run_safely(
			function () use ( $id ) {
				$order = $this->order( self::number( $id ) );
				if ( $order ) {
					$this->mark_created( self::OBJECT, (int) $order->get_id() );
					$this->queue_update( self::RESTORED, self::OBJECT, (int) $order->get_id() );
				}
			}
		);
	}

	/**
	 * The fields of the event, from the order as it is now.
	 *
	 * @param object $row The row.
	 * @return array
	 */
	public function data( $row ) {
		$order = $this->order( (int) $row->object_id );
		return array_merge( ( new Order_Fields( $order, $this->choices, self::FIELDS_OF ) )->order(), array( 'current_status' => (string) $order->get_status() ) );
	}

	/**
	 * The person's e-mail address.
	 *
	 * @param object $row The row.
	 * @return string
	 */
	public function email( $row ) {
		$order = $this->is_available() ? $this->order( (int) $row->object_id ) : null;
		return $order ? (string) $order->get_billing_email() : '';
	}

	/**
	 * The display name of an event.
	 *
	 * @param object $row The row.
	 * @return array With label and url.
	 */
	public function describe( $row ) {
		$order  = $this->is_available() ? $this->order( (int) $row->object_id ) : null;
		$number = $order ? $order->get_order_number() : $row->object_id;
		switch ( $row->event_type ) {
			case self::DELETED:
				/* translators: %s: number of an order. */
				$label = __( 'Order %s deleted', 'relay-connector' );
				break;
			case self::RESTORED:
				/* translators: %s: number of an order. */
				$label = __( 'Order %s restored', 'relay-connector' );
				break;
			default:
				/* translators: %s: number of an order. */
				$label = __( 'Order %s updated', 'relay-connector' );
		}
		return array(
			'label' => sprintf( $label, $number ),
			'url'   => $order ? (string) $order->get_edit_order_url() : '',
		);
	}

	/**
	 * Whether an order exists and is placed.
	 *
	 * @param int $id The order.
	 * @return bool
	 */
	protected function is_sendable( $id ) {
		$order = $this->order( $id );
		return $order && Orders::TRASH !== $order->get_status() && ! in_array( $order->get_status(), Orders::DRAFTS, true );
	}

	/**
	 * Records an order that is about to be deleted, once per request and with what it is now. An order that was already in
	 * the trash was already sent as deleted.
	 *
	 * @param mixed $id           The order or another post.
	 * @param bool  $is_permanent Whether it cannot be restored.
	 */
	private function record_deleted( $id, $is_permanent ) {
		$this->run_safely(
			function () use ( $id, $is_permanent ) {
				$id = self::number( $id );
				if ( ! $this->is_sendable( $id ) || ! $this->is_first( 'deleted', self::OBJECT, $id ) ) {
					return;
				}
				$order  = $this->order( $id );
				$fields = array(
					'id'             => $id,
					'number'         => (string) $order->get_order_number(),
					'status'         => (string) $order->get_status(),
					'current_status' => (string) $order->get_status(),
					'currency'       => (string) $order->get_currency(),
					'total'          => Amount::text( $order->get_total() ),
					'permanent'      => $is_permanent,
					'created_at'     => self::timestamp( $order->get_date_created() ),
					'deleted_at'     => Text::timestamp( time() ),
				);
				$this->queue_data( self::DELETED, self::OBJECT, $id, self::without_empty( $fields ) );
			}
		);
	}

	/**
	 * An order, read again. Refunds and other kinds of orders are none.
	 *
	 * @param int $id Its id.
	 * @return \WC_Order|null
	 */
	private function order( $id ) {
		$order = $id > 0 && $this->is_available() ? wc_get_order( $id ) : null;
		return $order && 'shop_order' === $order->get_type() ? $order : null;
	}
}
