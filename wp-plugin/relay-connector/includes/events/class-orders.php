<?php
/**
 * WooCommerce orders.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

use Relay_Connector\Sending\New_Event;
use Relay_Connector\Sending\Outbox;
use Relay_Connector\Settings;

defined( 'ABSPATH' ) || exit;

/**
 * Sends an order once when it is placed, once for each change of its status, and once for each refund, however it was made:
 * block checkout, classic checkout, the admin, REST or code.
 *
 * During a checkout, hooks fire for orders without items, several times for the same order, and for orders that are
 * discarded. Therefore an event is recorded and held. At the end of the request the order is read again, and the event
 * is released or removed. If PHP stops before that, for example because a payment took too long, the event is sent
 * after the hold, so that no placed order is lost.
 *
 * A status change in the request that creates the order is marked as initial: it tells nothing that "created" does not.
 */
final class Orders extends Base_Source {

	const CREATED  = 'order.created';
	const CHANGED  = 'order.status_changed';
	const REFUNDED = 'x.order.refunded';

	/**
	 * Statuses of orders that are not placed yet.
	 */
	const DRAFTS = array( 'auto-draft', 'draft', 'new', 'checkout-draft' );
	const TRASH  = 'trash';
	const OBJECT = 'order';

	/**
	 * Longer than nearly every request, which releases the events itself.
	 */
	const HOLD_S = 300;

	/**
	 * Before the outbox is sent at the end of the request.
	 */
	const SHUTDOWN_PRIORITY = 1000;

	/**
	 * Before WooCommerce's own callback saves a new order again, which reports a status change.
	 */
	const FIRST = -1000;

	/**
	 * The events held in this request.
	 *
	 * @var Held_Order_Events
	 */
	private $held;

	/**
	 * Takes the settings, the outbox and the choices.
	 *
	 * @param Settings      $settings The settings.
	 * @param Outbox        $outbox   The outbox.
	 * @param Event_Choices $choices  What the admin has chosen.
	 */
	public function __construct( Settings $settings, Outbox $outbox, Event_Choices $choices ) {
		parent::__construct( $settings, $outbox, $choices );
		$this->held = new Held_Order_Events();
	}

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'orders';
	}

	/**
	 * The name on the settings page.
	 *
	 * @return string
	 */
	public function label() {
		return __( 'Orders (WooCommerce)', 'relay-connector' );
	}

	/**
	 * The help text: what is sent and when.
	 *
	 * @return string
	 */
	public function help() {
		return __( 'An order is sent once when it is placed, again each time its status changes, and for each refund. Unfinished checkouts are never sent.', 'relay-connector' );
	}

	/**
	 * Whether WooCommerce is active.
	 *
	 * @return bool
	 */
	public function is_available() {
		return function_exists( '\wc_get_order' );
	}

	/**
	 * The plugin that is missing.
	 *
	 * @return string[]
	 */
	public function missing() {
		return $this->is_available() ? array() : array( 'WooCommerce' );
	}

	/**
	 * The fields that can be switched off.
	 *
	 * @return string[]
	 */
	public function optional_fields() {
		return Order_Fields::optional();
	}

	/**
	 * Further options.
	 *
	 * @return string[]
	 */
	public function own_options() {
		return array( Settings::SKIP_INITIAL => __( 'Do not send status changes that are part of placing an order, such as from pending to processing at checkout', 'relay-connector' ) );
	}

	/**
	 * Several hooks for the same order, because each way to create one skips some of them.
	 */
	public function add_hooks() {
		add_action( 'before_woocommerce_init', array( $this, 'declare_compatibility' ) );
		add_action( 'woocommerce_new_order', array( $this, 'on_created' ), self::FIRST, 1 );
		add_action( 'woocommerce_checkout_order_processed', array( $this, 'on_created' ), self::FIRST, 1 );
		add_action( 'woocommerce_store_api_checkout_order_processed', array( $this, 'on_created' ), self::FIRST, 1 );
		add_action( 'woocommerce_order_status_changed', array( $this, 'on_changed' ), 20, 3 );
		add_action( 'woocommerce_order_refunded', array( $this, 'on_refunded' ), 20, 2 );
		add_action( 'shutdown', array( $this, 'finish_request' ), self::SHUTDOWN_PRIORITY );
	}

	/**
	 * Declares compatibility with high-performance order storage and with the checkout blocks.
	 */
	public function declare_compatibility() {
		if ( class_exists( '\Automattic\WooCommerce\Utilities\FeaturesUtil' ) ) {
			\Automattic\WooCommerce\Utilities\FeaturesUtil::declare_compatibility( 'custom_order_tables', RELAY_CONNECTOR_FILE, true );
			\Automattic\WooCommerce\Utilities\FeaturesUtil::declare_compatibility( 'cart_checkout_blocks', RELAY_CONNECTOR_FILE, true );
		}
	}

	/**
	 * Whether events of a type come from this source.
	 *
	 * @param string $type The event type.
	 * @return bool
	 */
	public function handles( $type ) {
		return in_array( $type, array( self::CREATED, self::CHANGED, self::REFUNDED ), true );
	}

	/**
	 * An order was created or placed.
	 *
	 * @param int|\WC_Order $order The order or its id, depending on the hook.
	 */
	public function on_created( $order = 0 ) {
		$this->run_safely(
			function () use ( $order ) {
				$this->record_created( is_object( $order ) ? (int) $order->get_id() : self::number( $order ) );
			}
		);
	}

	/**
	 * An order's status changed. A change from a draft status means that the order was placed.
	 *
	 * @param int    $id   The order.
	 * @param string $from The old status.
	 * @param string $to   The new status.
	 */
	public function on_changed( $id = 0, $from = '', $to = '' ) {
		$this->run_safely(
			function () use ( $id, $from, $to ) {
				$id = self::number( $id );
				if ( '' === (string) $from || in_array( $from, self::DRAFTS, true ) ) {
					$this->record_created( $id );
				} elseif ( self::TRASH === $from ) {
					$this->record_restored( $id );
				} elseif ( $from !== $to && self::TRASH !== $to ) {
					$this->record_changed( $id, $from . ':' . $to );
				}
			}
		);
	}

	/**
	 * An order was refunded.
	 *
	 * @param int $id        The order.
	 * @param int $refund_id The refund.
	 */
	public function on_refunded( $id = 0, $refund_id = 0 ) {
		$this->run_safely(
			function () use ( $id, $refund_id ) {
				$this->record_refunded( self::number( $id ), self::number( $refund_id ) );
			}
		);
	}

	/**
	 * Removes the held events of drafts, trashed orders and anything else that is not a placed order. The outbox then
	 * releases the rest.
	 */
	public function finish_request() {
		$this->held->flush(
			function ( $id, array $event_ids ) {
				$this->run_safely(
					function () use ( $id, $event_ids ) {
						if ( ! $this->is_placed( $this->order( $id ) ) ) {
							array_map( array( $this->outbox, 'remove_held' ), $event_ids );
						}
					}
				);
			}
		);
	}

	/**
	 * Checks that the order exists and was not sent before.
	 *
	 * @param object $row The row.
	 * @throws Event_Withdrawn If it must not be sent.
	 * @throws \RuntimeException If WooCommerce is inactive, so that the order cannot be read.
	 */
	public function check( $row ) {
		parent::check( $row );
		if ( ! $this->is_available() ) {
			throw new \RuntimeException( esc_html__( 'WooCommerce is not active', 'relay-connector' ) );
		}
		$order = $this->order_of( $row );
		if ( ! $this->is_placed( $order ) ) {
			throw new Event_Withdrawn( esc_html__( 'Not sent, because the order or refund was deleted or moved to the trash first.', 'relay-connector' ) );
		}
		if ( Sent_Order_Events::has_other( $order, $row ) ) {
			throw new Event_Withdrawn( esc_html__( 'Not sent, because it was already sent.', 'relay-connector' ) );
		}
		if ( $row->is_initial && $this->settings->skips_initial() && Outbox::SENT === $this->state_of_created( $row ) ) {
			throw new Event_Withdrawn( esc_html__( 'Not sent, because this change is part of placing the order, which was sent.', 'relay-connector' ) );
		}
	}

	/**
	 * The fields of the event, from the order as it is now. Only the two statuses of a change are those of the change;
	 * the status now is in current_status.
	 *
	 * @param object $row The row.
	 * @return array
	 */
	public function data( $row ) {
		$order   = $this->order_of( $row );
		$fields  = new Order_Fields( $order, $this->choices, $this->slug() );
		$current = array( 'current_status' => (string) $order->get_status() );
		switch ( $row->event_type ) {
			case self::REFUNDED:
				return array_merge( $fields->refund( $this->order( (int) $row->object_id ) ), $current );
			case self::CHANGED:
				list( $from, $to ) = explode( ':', $row->detail );
				return array_merge(
					$fields->order(),
					array(
						'status'          => $to,
						'previous_status' => $from,
						'initial'         => $row->is_initial && ! in_array( $this->state_of_created( $row ), array( '', Outbox::WITHDRAWN ), true ),
					),
					$current
				);
		}
		return array_merge( $fields->order(), $current );
	}

	/**
	 * Stores with the order what is sent only once.
	 *
	 * @param object $row The row.
	 */
	public function record_sent( $row ) {
		$order = $this->is_available() && self::CHANGED !== $row->event_type ? $this->order_of( $row ) : null;
		if ( $order ) {
			Sent_Order_Events::record( $order, $row );
		}
	}

	/**
	 * The person's e-mail address.
	 *
	 * @param object $row The row.
	 * @return string
	 */
	public function email( $row ) {
		$order = $this->is_available() ? $this->order_of( $row ) : null;
		return $order ? (string) $order->get_billing_email() : '';
	}

	/**
	 * The display name of an event.
	 *
	 * @param object $row The row.
	 * @return array With label and url.
	 */
	public function describe( $row ) {
		$order = $this->is_available() ? $this->order_of( $row ) : null;
		if ( ! $order ) {
			return array(
				/* translators: %d: number of an order. */
				'label' => sprintf( self::REFUNDED === $row->event_type ? __( 'Refund %d (deleted)', 'relay-connector' ) : __( 'Order %d (deleted)', 'relay-connector' ), $row->object_id ),
				'url'   => '',
			);
		}
		/* translators: %s: number of an order. */
		$label = sprintf( self::REFUNDED === $row->event_type ? __( 'Refund of order %s', 'relay-connector' ) : __( 'Order %s', 'relay-connector' ), $order->get_order_number() );
		if ( self::CHANGED === $row->event_type ) {
			$label .= ': ' . self::change_text( $row->detail, '\wc_get_order_status_name' );
		}
		return array(
			'label' => $label,
			'url'   => (string) $order->get_edit_order_url(),
		);
	}

	/**
	 * A change of a status, as people read it.
	 *
	 * @param string $detail The old and the new status.
	 * @param string $namer  The function that names a status, if its plugin is active.
	 * @return string
	 */
	public static function change_text( $detail, $namer ) {
		$names = array();
		foreach ( explode( ':', (string) $detail ) as $status ) {
			$name    = is_callable( $namer ) ? $namer( $status ) : '';
			$names[] = is_string( $name ) && '' !== $name ? Plain_Text::from_title( $name ) : $status;
		}
		return implode( ' → ', $names );
	}

	/**
	 * Records a new order. If this request has already recorded status changes of it, as "Add order" in the admin does,
	 * they are recorded again behind it.
	 *
	 * @param int $id The order.
	 */
	private function record_created( $id ) {
		if ( $this->held->of_type( $id, self::CREATED ) || ! $this->hold( $id, self::CREATED, $id, '' ) ) {
			return;
		}
		$changes = $this->held->of_type( $id, self::CHANGED );
		$this->held->forget( $id, self::CHANGED );
		foreach ( $changes as $change ) {
			$this->outbox->remove_held( $change['event_id'] );
			$this->hold( $id, self::CHANGED, $id, $change['detail'], true );
		}
	}

	/**
	 * Records a change of the status.
	 *
	 * @param int    $id     The order.
	 * @param string $detail The old and the new status.
	 */
	private function record_changed( $id, $detail ) {
		$created = $this->held->of_type( $id, self::CREATED );
		$this->hold( $id, self::CHANGED, $id, $detail, $created && '' !== $created[0]['event_id'] );
	}

	/**
	 * Records a refund.
	 *
	 * @param int $id        The order.
	 * @param int $refund_id The refund.
	 */
	private function record_refunded( $id, $refund_id ) {
		if ( ! wp_list_filter( $this->held->of_type( $id, self::REFUNDED ), array( 'object_id' => $refund_id ) ) ) {
			$this->hold( $id, self::REFUNDED, $refund_id, '' );
		}
	}

	/**
	 * Records an order that was restored from the trash, if its events were withdrawn because of that. An order from before
	 * the plugin was installed is not new.
	 *
	 * @param int $id The order.
	 */
	private function record_restored( $id ) {
		$this->outbox->requeue_withdrawn( self::OBJECT . ':' . $id );
	}

	/**
	 * Records an event and holds it until the end of the request.
	 *
	 * @param int    $id         The order.
	 * @param string $type       The event type.
	 * @param int    $object_id  The id that the event is built from.
	 * @param string $detail     What changed; '' for an event that is sent only once.
	 * @param bool   $is_initial Whether it belongs to the creation.
	 * @return bool Whether it was recorded now.
	 */
	private function hold( $id, $type, $object_id, $detail, $is_initial = false ) {
		if ( $id <= 0 || $object_id <= 0 ) {
			return false;
		}
		$event             = new New_Event( $type, $object_id, self::OBJECT . ':' . $id );
		$event->dedupe_key = '' === $detail ? $type . ':' . $object_id : '';
		$event->detail     = $detail;
		$event->is_initial = $is_initial;
		$event->hold_s     = self::HOLD_S;
		$event_id          = $this->outbox->add( $event );
		$this->held->add( $id, $type, $object_id, $detail, $event_id );
		return '' !== $event_id;
	}

	/**
	 * The state of the event with which the order of a row was created.
	 *
	 * @param object $row The row.
	 * @return string '' if it is no longer stored.
	 */
	private function state_of_created( $row ) {
		$created = $this->outbox->find_by_key( self::CREATED . ':' . (int) $row->object_id );
		return $created ? $created->state : '';
	}

	/**
	 * The order of a row; for a refund, its parent order.
	 *
	 * @param object $row The row.
	 * @return \WC_Order|null
	 */
	private function order_of( $row ) {
		$order = $this->order( (int) $row->object_id );
		if ( self::REFUNDED === $row->event_type ) {
			$order = $order ? $this->order( (int) $order->get_parent_id() ) : null;
		}
		return $order;
	}

	/**
	 * An order or a refund, read again: the object passed to a hook may be outdated.
	 *
	 * @param int $id Its id.
	 * @return \WC_Abstract_Order|null
	 */
	private function order( $id ) {
		$order = $id ? wc_get_order( $id ) : null;
		return $order ? $order : null;
	}

	/**
	 * Whether it is an order that was placed.
	 *
	 * @param \WC_Abstract_Order|null $order The order.
	 * @return bool
	 */
	private function is_placed( $order ) {
		return $order && 'shop_order' === $order->get_type() && self::TRASH !== $order->get_status() && ! in_array( $order->get_status(), self::DRAFTS, true );
	}
}
