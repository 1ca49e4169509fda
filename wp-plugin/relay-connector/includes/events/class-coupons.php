<?php
/**
 * WooCommerce coupons.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * Sends a coupon once when it is published, each time it is saved after that, and when it is deleted or moved to the
 * trash. The e-mail addresses that a coupon is limited to are never sent.
 */
final class Coupons extends Shop_Source {

	const CREATED   = 'coupon.created';
	const UPDATED   = 'coupon.updated';
	const DELETED   = 'coupon.deleted';
	const OBJECT    = 'coupon';
	const POST_TYPE = 'shop_coupon';
	const VISIBLE   = 'publish';

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'coupons';
	}

	/**
	 * The name on the settings page.
	 *
	 * @return string
	 */
	public function label() {
		return __( 'Coupons (WooCommerce)', 'relay-connector' );
	}

	/**
	 * The help text: what is sent and when.
	 *
	 * @return string
	 */
	public function help() {
		return __( 'A coupon is sent once when it is published, again each time it is saved, and when it is deleted. Drafts are never sent, nor are the e-mail addresses that a coupon is limited to.', 'relay-connector' );
	}

	/**
	 * Listens to published, saved and deleted coupons.
	 */
	public function add_hooks() {
		add_action( 'transition_post_status', array( $this, 'on_transition' ), 20, 3 );
		add_action( 'woocommerce_update_coupon', array( $this, 'on_updated' ), 20, 1 );
		add_action( 'wp_trash_post', array( $this, 'on_trash' ), 20, 1 );
		add_action( 'before_delete_post', array( $this, 'on_delete' ), 20, 1 );
	}

	/**
	 * Whether events of a type come from this source.
	 *
	 * @param string $type The event type.
	 * @return bool
	 */
	public function handles( $type ) {
		return in_array( $type, array( self::CREATED, self::UPDATED, self::DELETED ), true );
	}

	/**
	 * A post's status changed.
	 *
	 * @param string   $to   The new status.
	 * @param string   $from The old status; "new" for a new post.
	 * @param \WP_Post $post The post.
	 */
	public function on_transition( $to = '', $from = '', $post = null ) {
		if ( ! $post instanceof \WP_Post || self::POST_TYPE !== $post->post_type || self::VISIBLE !== $to || self::VISIBLE === $from ) {
			return;
		}
		$this->run_safely(
			function () use ( $post ) {
				if ( $this->is_available() ) {
					$this->queue_created( self::CREATED, self::UPDATED, self::OBJECT, (int) $post->ID );
				}
			}
		);
	}

	/**
	 * A coupon was saved.
	 *
	 * @param int $id The coupon.
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
	 * A post is about to be moved to the trash.
	 *
	 * @param int $id The post.
	 */
	public function on_trash( $id = 0 ) {
		$this->record_deleted( $id, false );
	}

	/**
	 * A post is about to be deleted permanently.
	 *
	 * @param int $id The post.
	 */
	public function on_delete( $id = 0 ) {
		$this->record_deleted( $id, true );
	}

	/**
	 * The fields of the event, from the coupon as it is now.
	 *
	 * @param object $row The row.
	 * @return array
	 */
	public function data( $row ) {
		return $this->fields( (int) $row->object_id );
	}

	/**
	 * The display name of an event.
	 *
	 * @param object $row The row.
	 * @return array With label and url.
	 */
	public function describe( $row ) {
		$post = get_post( (int) $row->object_id );
		return array(
			'label' => $post
				/* translators: %s: code of a coupon. */
				? sprintf( __( 'Coupon %s', 'relay-connector' ), Plain_Text::from_title( $post->post_title ) )
				/* translators: %d: number of a coupon. */
				: sprintf( __( 'Coupon %d (deleted)', 'relay-connector' ), $row->object_id ),
			'url'   => $post ? admin_url( 'post.php?post=' . (int) $row->object_id . '&action=edit' ) : '',
		);
	}

	/**
	 * Whether a coupon exists and is published.
	 *
	 * @param int $id The coupon.
	 * @return bool
	 */
	protected function is_sendable( $id ) {
		return $id > 0 && self::POST_TYPE === get_post_type( $id ) && self::VISIBLE === get_post_status( $id );
	}

	/**
	 * The fields of a coupon.
	 *
	 * @param int $id The coupon.
	 * @return array
	 */
	private function fields( $id ) {
		$coupon = new \WC_Coupon( $id );
		$limit  = (int) $coupon->get_usage_limit();
		return self::without_empty(
			array(
				'id'            => $id,
				'code'          => Plain_Text::from_title( $coupon->get_code() ),
				'status'        => (string) get_post_status( $id ),
				'discount_type' => (string) $coupon->get_discount_type(),
				'amount'        => Amount::text( $coupon->get_amount() ),
				'currency'      => (string) get_woocommerce_currency(),
				'description'   => Plain_Text::from_html( $coupon->get_description() ),
				'usage_count'   => (int) $coupon->get_usage_count(),
				'usage_limit'   => $limit ? $limit : null,
				'expires_at'    => self::timestamp( $coupon->get_date_expires() ),
				'edit_url'      => admin_url( 'post.php?post=' . $id . '&action=edit' ),
				'created_at'    => self::timestamp( $coupon->get_date_created() ),
				'updated_at'    => self::timestamp( $coupon->get_date_modified() ),
			)
		);
	}

	/**
	 * Records a coupon that is about to be deleted, with what it is now.
	 *
	 * @param mixed $id           The post.
	 * @param bool  $is_permanent Whether it cannot be restored.
	 */
	private function record_deleted( $id, $is_permanent ) {
		$this->run_safely(
			function () use ( $id, $is_permanent ) {
				$id = self::number( $id );
				if ( ! $this->is_available() || ! $this->is_sendable( $id ) || ! $this->is_first( 'deleted', self::OBJECT, $id ) ) {
					return;
				}
				$times = array(
					'permanent'  => $is_permanent,
					'deleted_at' => Text::timestamp( time() ),
				);
				$this->queue_data( self::DELETED, self::OBJECT, $id, array_merge( $this->fields( $id ), $times ) );
			}
		);
	}
}
