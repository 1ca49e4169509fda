<?php
/**
 * WooCommerce products.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * Sends a product once when it is published, and each time it is saved after that. A variation is a product with a
 * parent, as in WooCommerce's own webhooks.
 */
final class Products extends Product_Source {

	const CREATED = 'product.created';
	const UPDATED = 'product.updated';

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'products';
	}

	/**
	 * The name on the settings page.
	 *
	 * @return string
	 */
	public function label() {
		return __( 'Products (WooCommerce)', 'relay-connector' );
	}

	/**
	 * The help text: what is sent and when.
	 *
	 * @return string
	 */
	public function help() {
		return __( 'A product is sent once when it is published and again each time it is saved, also when an order changes its stock. Variations are sent as products of their own. Drafts are never sent.', 'relay-connector' );
	}

	/**
	 * Listens to published and saved products.
	 */
	public function add_hooks() {
		add_action( 'transition_post_status', array( $this, 'on_transition' ), 20, 3 );
		add_action( 'woocommerce_update_product', array( $this, 'on_updated' ), 20, 1 );
		add_action( 'woocommerce_update_product_variation', array( $this, 'on_updated' ), 20, 1 );
	}

	/**
	 * Whether events of a type come from this source.
	 *
	 * @param string $type The event type.
	 * @return bool
	 */
	public function handles( $type ) {
		return in_array( $type, array( self::CREATED, self::UPDATED ), true );
	}

	/**
	 * A post's status changed. Scheduled products are published by WP-Cron.
	 *
	 * @param string   $to   The new status.
	 * @param string   $from The old status; "new" for a new post.
	 * @param \WP_Post $post The post.
	 */
	public function on_transition( $to = '', $from = '', $post = null ) {
		if ( ! $post instanceof \WP_Post || ! in_array( $post->post_type, self::POST_TYPES, true ) || in_array( $from, self::VISIBLE, true ) ) {
			return;
		}
		$this->run_safely(
			function () use ( $post, $to ) {
				if ( $this->is_available() && in_array( $to, self::VISIBLE, true ) && $this->is_sendable( (int) $post->ID ) ) {
					$this->queue_created( self::CREATED, self::UPDATED, self::OBJECT, (int) $post->ID );
				}
			}
		);
	}

	/**
	 * A product was saved.
	 *
	 * @param int $id The product or variation.
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
}
