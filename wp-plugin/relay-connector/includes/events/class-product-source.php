<?php
/**
 * The base class for products and their stock.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * Reads a product or one variation of it. Only products that visitors or logged-in users can see are sent.
 */
abstract class Product_Source extends Shop_Source {

	const OBJECT      = 'product';
	const POST_TYPES  = array( 'product', 'product_variation' );
	const VISIBLE     = array( 'publish', 'private' );
	const MOST_TERMS  = 20;

	/**
	 * The fields of the event, from the product as it is now.
	 *
	 * @param object $row The row.
	 * @return array
	 */
	public function data( $row ) {
		$product = wc_get_product( (int) $row->object_id );
		$parent  = (int) $product->get_parent_id();
		$fields  = array(
			'id'             => (int) $product->get_id(),
			'name'           => Plain_Text::from_title( $product->get_name() ),
			'type'           => (string) $product->get_type(),
			'status'         => (string) $product->get_status(),
			'sku'            => Plain_Text::from_title( $product->get_sku() ),
			'parent_id'      => $parent ? $parent : null,
			'price'          => self::price( $product->get_price() ),
			'regular_price'  => self::price( $product->get_regular_price() ),
			'sale_price'     => self::price( $product->get_sale_price() ),
			'currency'       => (string) get_woocommerce_currency(),
			'stock_status'   => (string) $product->get_stock_status(),
			'stock_quantity' => $product->managing_stock() && null !== $product->get_stock_quantity() ? $product->get_stock_quantity() + 0 : null,
			'categories'     => self::categories( $parent ? $parent : (int) $product->get_id() ),
			'page_url'       => esc_url_raw( (string) $product->get_permalink(), array( 'http', 'https' ) ),
			'edit_url'       => admin_url( 'post.php?post=' . ( $parent ? $parent : (int) $product->get_id() ) . '&action=edit' ),
			'created_at'     => self::timestamp( $product->get_date_created() ),
			'updated_at'     => self::timestamp( $product->get_date_modified() ),
		);
		return self::without_empty( $fields );
	}

	/**
	 * The display name of an event.
	 *
	 * @param object $row The row.
	 * @return array With label and url.
	 */
	public function describe( $row ) {
		$product = $this->is_available() ? wc_get_product( (int) $row->object_id ) : null;
		$parent  = $product ? (int) $product->get_parent_id() : 0;
		return array(
			'label' => $product
				? Plain_Text::from_title( $product->get_name() )
				/* translators: %d: number of a product. */
				: sprintf( __( 'Product %d (deleted)', 'relay-connector' ), $row->object_id ),
			'url'   => $product ? admin_url( 'post.php?post=' . ( $parent ? $parent : (int) $row->object_id ) . '&action=edit' ) : '',
		);
	}

	/**
	 * Whether a product exists and is published. A variation is a draft while its product is one.
	 *
	 * @param int $id The product or variation.
	 * @return bool
	 */
	protected function is_sendable( $id ) {
		$post = $id > 0 ? get_post( $id ) : null;
		if ( ! $post || ! in_array( $post->post_type, self::POST_TYPES, true ) || ! in_array( $post->post_status, self::VISIBLE, true ) ) {
			return false;
		}
		return 'product_variation' !== $post->post_type || in_array( get_post_status( (int) $post->post_parent ), self::VISIBLE, true );
	}

	/**
	 * A price.
	 *
	 * @param mixed $price The price, '' if there is none.
	 * @return string
	 */
	private static function price( $price ) {
		return is_numeric( $price ) ? Amount::text( $price ) : '';
	}

	/**
	 * The names of a product's categories.
	 *
	 * @param int $id The product.
	 * @return string[]
	 */
	private static function categories( $id ) {
		$terms = get_the_terms( $id, 'product_cat' );
		$names = is_array( $terms ) ? wp_list_pluck( array_slice( $terms, 0, self::MOST_TERMS ), 'name' ) : array();
		return array_values( array_map( array( Plain_Text::class, 'from_title' ), $names ) );
	}
}
