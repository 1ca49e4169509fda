<?php
/**
 * Posts of the site.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

use Relay_Connector\Sending\New_Event;

defined( 'ABSPATH' ) || exit;

/**
 * Sends a post once when it is published, and each time a published post is saved. Revisions, autosaves and drafts are
 * not sent.
 */
final class Posts extends Base_Source {

	const PUBLISHED       = 'post.published';
	const UPDATED         = 'post.updated';
	const OBJECT          = 'post';
	const MOST_TERMS      = 20;
	const LONGEST_EXCERPT = 1000;

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'posts';
	}

	/**
	 * The name on the settings page.
	 *
	 * @return string
	 */
	public function label() {
		return __( 'Posts', 'relay-connector' );
	}

	/**
	 * The help text: what is sent and when.
	 *
	 * @return string
	 */
	public function help() {
		return __( 'A post is sent once when it is published and again each time the published post is saved. Pages, drafts and scheduled posts are not sent. The text of a post is not sent, only its title, excerpt and link.', 'relay-connector' );
	}

	/**
	 * The fields that can be switched off.
	 *
	 * @return string[]
	 */
	public function optional_fields() {
		return array(
			'author'  => __( 'Author name', 'relay-connector' ),
			'excerpt' => __( 'Excerpt', 'relay-connector' ),
		);
	}

	/**
	 * Listens to saved posts. This hook fires when the categories and the metadata are saved too, also for a scheduled post.
	 */
	public function add_hooks() {
		add_action( 'wp_after_insert_post', array( $this, 'on_saved' ), 20, 4 );
	}

	/**
	 * Whether events of a type come from this source.
	 *
	 * @param string $type The event type.
	 * @return bool
	 */
	public function handles( $type ) {
		return in_array( $type, array( self::PUBLISHED, self::UPDATED ), true );
	}

	/**
	 * A post was saved.
	 *
	 * @param int           $id     The post.
	 * @param \WP_Post      $post   The post.
	 * @param bool          $exists Whether it existed before.
	 * @param \WP_Post|null $before The post as it was, null if it did not exist.
	 */
	public function on_saved( $id = 0, $post = null, $exists = false, $before = null ) {
		if ( ! $post instanceof \WP_Post || 'publish' !== $post->post_status || ! in_array( $post->post_type, self::post_types(), true ) ) {
			return;
		}
		$this->run_safely(
			function () use ( $post, $before ) {
				$id  = (int) $post->ID;
				$key = self::PUBLISHED . ':' . $id;
				if ( ( is_object( $before ) && 'publish' === $before->post_status ) || $this->outbox->find_by_key( $key ) ) {
					// The block editor saves the boxes of other plugins in a second request, which changes nothing that is sent.
					if ( ! isset( $_GET['meta-box-loader'] ) ) { // phpcs:ignore WordPress.Security.NonceVerification.Recommended -- Only tells the requests of the block editor apart.
						$this->queue_update( self::UPDATED, self::OBJECT, $id );
					}
					return;
				}
				$event             = new New_Event( self::PUBLISHED, $id, self::OBJECT . ':' . $id );
				$event->dedupe_key = $key;
				$event->hold_s     = self::UPDATE_HOLD_S;
				$this->outbox->add( $event );
			}
		);
	}

	/**
	 * Checks that the post is still published.
	 *
	 * @param object $row The row.
	 * @throws Event_Withdrawn If it is not.
	 */
	public function check( $row ) {
		parent::check( $row );
		if ( 'publish' !== get_post_status( (int) $row->object_id ) ) {
			throw new Event_Withdrawn( esc_html__( 'Not sent, because it was deleted, moved to the trash or set to draft first.', 'relay-connector' ) );
		}
	}

	/**
	 * The fields of the event, from the post as it is now.
	 *
	 * @param object $row The row.
	 * @return array
	 */
	public function data( $row ) {
		$post   = get_post( (int) $row->object_id );
		$fields = array(
			'id'         => (int) $post->ID,
			'title'      => Plain_Text::from_title( $post->post_title ),
			'type'       => (string) $post->post_type,
			'status'     => (string) $post->post_status,
			'categories' => self::terms( $post, 'category' ),
			'tags'       => self::terms( $post, 'post_tag' ),
			'page_url'   => esc_url_raw( (string) get_permalink( $post ), array( 'http', 'https' ) ),
			'edit_url'   => admin_url( 'post.php?post=' . (int) $post->ID . '&action=edit' ),
			'created_at' => self::timestamp( $post, 'date' ),
			'updated_at' => self::timestamp( $post, 'modified' ),
		);
		if ( $this->choices->sends_field( $this->slug(), 'author' ) ) {
			$fields['author'] = Plain_Text::from_title( get_the_author_meta( 'display_name', (int) $post->post_author ) );
		}
		if ( $this->choices->sends_field( $this->slug(), 'excerpt' ) && '' === $post->post_password ) {
			$fields['excerpt'] = Text::cut( Plain_Text::from_html( $post->post_excerpt ), self::LONGEST_EXCERPT );
		}
		return array_filter(
			$fields,
			static function ( $value ) {
				return '' !== $value && array() !== $value;
			}
		) + array( 'title' => '' );
	}

	/**
	 * The display name of a post.
	 *
	 * @param object $row The row.
	 * @return array With label and url.
	 */
	public function describe( $row ) {
		$post = get_post( (int) $row->object_id );
		return array(
			'label' => $post
				? Plain_Text::from_title( $post->post_title )
				/* translators: %d: number of a post. */
				: sprintf( __( 'Post %d (deleted)', 'relay-connector' ), $row->object_id ),
			'url'   => $post ? admin_url( 'post.php?post=' . (int) $row->object_id . '&action=edit' ) : '',
		);
	}

	/**
	 * The post types that are sent.
	 *
	 * @return string[]
	 */
	private static function post_types() {
		/**
		 * Filters the post types that are sent as posts.
		 *
		 * @param string[] $types Default: post.
		 */
		return (array) apply_filters( 'relay_connector_post_types', array( 'post' ) );
	}

	/**
	 * A time of a post. A draft that is published by code has no time in UTC.
	 *
	 * @param \WP_Post $post  The post.
	 * @param string   $field Either date or modified.
	 * @return string '' if there is none.
	 */
	private static function timestamp( $post, $field ) {
		$time = get_post_timestamp( $post, $field );
		return $time ? Text::timestamp( $time ) : '';
	}

	/**
	 * The names of a post's categories or tags.
	 *
	 * @param \WP_Post $post     The post.
	 * @param string   $taxonomy The taxonomy.
	 * @return string[]
	 */
	private static function terms( $post, $taxonomy ) {
		$terms = get_the_terms( $post, $taxonomy );
		$names = is_array( $terms ) ? wp_list_pluck( array_slice( $terms, 0, self::MOST_TERMS ), 'name' ) : array();
		return array_values( array_map( array( Plain_Text::class, 'from_title' ), $names ) );
	}
}
