<?php
/**
 * Comments.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

use Relay_Connector\Settings;

defined( 'ABSPATH' ) || exit;

/**
 * Sends a comment once, when it is approved, by a moderator or automatically. Spam and trash are never sent, nor are
 * order notes and editor notes, which are also stored as comments. Pingbacks are sent only if an admin enables them.
 */
final class Comments extends Base_Source {

	const TYPE     = 'comment.created';
	const KINDS    = array( '', 'comment', 'review' );
	const PINGS    = array( 'pingback', 'trackback' );
	const REVIEW   = 'review';
	const META_KEY = '_relay_connector_sent';

	/**
	 * In bytes. Its text is sent too, and escaped characters need up to three times as many.
	 */
	const LONGEST_HTML = 20000;
	const LONGEST_URL  = 2000;

	/**
	 * After the spam filters, which use the same hooks.
	 */
	const PRIORITY = 1000;

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'comments';
	}

	/**
	 * The name on the settings page.
	 *
	 * @return string
	 */
	public function label() {
		return __( 'Comments', 'relay-connector' );
	}

	/**
	 * The help text: what is sent and when.
	 *
	 * @return string
	 */
	public function help() {
		return __( 'A comment is sent once, when it is approved, automatically or by a moderator. Spam and trash are never sent.', 'relay-connector' );
	}

	/**
	 * The fields that can be switched off.
	 *
	 * @return string[]
	 */
	public function optional_fields() {
		return array(
			'author_email' => __( 'E-mail address', 'relay-connector' ),
			'author_url'   => __( 'Website', 'relay-connector' ),
		);
	}

	/**
	 * Further options.
	 *
	 * @return string[]
	 */
	public function own_options() {
		return array(
			Settings::SEND_HELD  => __( 'Also send comments held for moderation, as soon as they are written', 'relay-connector' ),
			Settings::SEND_PINGS => __( 'Also send pingbacks and trackbacks (notifications from other sites that link here)', 'relay-connector' ),
		);
	}

	/**
	 * wp_insert_comment sees every new comment, including those made over REST, which comment_post does not.
	 * transition_comment_status sees every later change, but not the insertion.
	 */
	public function add_hooks() {
		add_action( 'wp_insert_comment', array( $this, 'on_insert' ), self::PRIORITY, 2 );
		add_action( 'transition_comment_status', array( $this, 'on_transition' ), self::PRIORITY, 3 );
	}

	/**
	 * Whether events of a type come from this source.
	 *
	 * @param string $type The event type.
	 * @return bool
	 */
	public function handles( $type ) {
		return self::TYPE === $type;
	}

	/**
	 * A comment was created.
	 *
	 * @param int         $id      Its id.
	 * @param \WP_Comment $comment The comment.
	 */
	public function on_insert( $id = 0, $comment = null ) {
		$this->record( $comment );
	}

	/**
	 * A comment was approved, held, marked as spam or trashed.
	 *
	 * @param string      $new_status The new status.
	 * @param string      $old_status The old status.
	 * @param \WP_Comment $comment    The comment.
	 */
	public function on_transition( $new_status = '', $old_status = '', $comment = null ) {
		if ( 'approved' === $new_status ) {
			$this->record( $comment, '1' );
		}
	}

	/**
	 * Checks that the comment can still be sent.
	 *
	 * @param object $row The row.
	 * @throws Event_Withdrawn If the comment was deleted, is spam, in the trash or no longer approved, or was already
	 *                         sent.
	 */
	public function check( $row ) {
		parent::check( $row );
		$comment = get_comment( (int) $row->object_id );
		if ( ! $comment ) {
			throw new Event_Withdrawn( esc_html__( 'Not sent, because the comment was deleted first.', 'relay-connector' ) );
		}
		if ( ! $this->sends_status( $comment->comment_approved ) ) {
			throw new Event_Withdrawn( esc_html__( 'Not sent, because the comment was held, marked as spam or moved to the trash first. If it is approved again, it will be sent.', 'relay-connector' ) );
		}
		$sent_as = (string) get_comment_meta( (int) $row->object_id, self::META_KEY, true );
		if ( '' !== $sent_as && $sent_as !== $row->event_id ) {
			throw new Event_Withdrawn( esc_html__( 'Not sent, because the comment was already sent.', 'relay-connector' ) );
		}
	}

	/**
	 * The fields of the event.
	 *
	 * @param object $row The row.
	 * @return array
	 */
	public function data( $row ) {
		$comment = get_comment( (int) $row->object_id );
		$post    = get_post( (int) $comment->comment_post_ID );
		$author  = Plain_Text::from_title( $comment->comment_author );
		$content = Plain_Text::from_html( $comment->comment_content );
		$fields  = array(
			'id'           => (int) $comment->comment_ID,
			'post_id'      => (int) $comment->comment_post_ID,
			'author'       => '' === $author ? __( 'Anonymous', 'relay-connector' ) : $author,
			'content'      => $content,
			'content_html' => $this->html( $comment->comment_content, $content ),
			'created_at'   => $this->timestamp( $comment ),
			'status'       => '1' === (string) $comment->comment_approved ? 'approved' : 'hold',
			'author_email' => Plain_Text::from_title( $comment->comment_author_email ),
			'author_url'   => Plain_Text::from_title( $comment->comment_author_url, self::LONGEST_URL ),
			'post_title'   => $post ? Plain_Text::from_title( $post->post_title ) : '',
			'parent'       => (int) $comment->comment_parent,
		);
		// Leave out what the visitor left empty.
		foreach ( array( 'content_html', 'author_email', 'author_url', 'post_title', 'parent' ) as $optional ) {
			if ( ! $fields[ $optional ] || ! $this->choices->sends_field( $this->slug(), $optional ) ) {
				unset( $fields[ $optional ] );
			}
		}
		if ( in_array( $comment->comment_type, self::PINGS, true ) ) {
			$fields['type'] = $comment->comment_type;
		}
		return array_merge( $fields, self::review( $comment, $post ) );
	}

	/**
	 * Stores with the comment that it was sent.
	 *
	 * @param object $row The row.
	 */
	public function record_sent( $row ) {
		update_comment_meta( (int) $row->object_id, self::META_KEY, $row->event_id );
	}

	/**
	 * The person's e-mail address.
	 *
	 * @param object $row The row.
	 * @return string
	 */
	public function email( $row ) {
		$comment = get_comment( (int) $row->object_id );
		return $comment ? Plain_Text::from_title( $comment->comment_author_email ) : '';
	}

	/**
	 * The display name of a comment, with only the first letter of the author's name.
	 *
	 * @param object $row The row.
	 * @return array With label and url.
	 */
	public function describe( $row ) {
		$object_id = (int) $row->object_id;
		$comment   = get_comment( $object_id );
		if ( ! $comment ) {
			return array(
				/* translators: %d: number of a comment. */
				'label' => sprintf( __( 'Comment %d (deleted)', 'relay-connector' ), $object_id ),
				'url'   => '',
			);
		}
		$first = mb_substr( Plain_Text::from_title( $comment->comment_author ), 0, 1 );
		return array(
			/* translators: 1: number of a comment, 2: first letter of a name, 3: title of a post. */
			'label' => sprintf( __( 'Comment %1$d by %2$s••• on “%3$s”', 'relay-connector' ), $object_id, $first, Plain_Text::from_title( get_the_title( (int) $comment->comment_post_ID ) ) ),
			'url'   => admin_url( 'comment.php?action=editcomment&c=' . $object_id ),
		);
	}

	/**
	 * Records a comment, if it is of a type and status that is sent.
	 *
	 * @param \WP_Comment $comment  The comment.
	 * @param string|null $approved Its new status, where the object may still have the old one.
	 */
	private function record( $comment, $approved = null ) {
		$this->run_safely(
			function () use ( $comment, $approved ) {
				if ( ! $comment instanceof \WP_Comment ) {
					return;
				}
				$approved = null === $approved ? $comment->comment_approved : $approved;
				if ( $this->sends_type( $comment->comment_type ) && $this->sends_status( $approved ) ) {
					$this->queue_once( self::TYPE, 'comment', (int) $comment->comment_ID );
				}
			}
		);
	}

	/**
	 * What a review of a product has beside a comment. WooCommerce gives reviews a type of their own since 3.6; older ones
	 * have a rating (WC_Comments::add_comment_rating() in includes/class-wc-comments.php).
	 *
	 * @param \WP_Comment   $comment The comment.
	 * @param \WP_Post|null $post    Its post or product.
	 * @return array
	 */
	private static function review( $comment, $post ) {
		$is_product = $post && 'product' === $post->post_type;
		$rating     = (int) get_comment_meta( (int) $comment->comment_ID, 'rating', true );
		if ( self::REVIEW !== $comment->comment_type && ! ( $is_product && $rating ) ) {
			return array();
		}
		$fields = array( 'type' => self::REVIEW );
		if ( $rating ) {
			$fields['rating'] = $rating;
		}
		if ( $is_product ) {
			$fields['product_id']   = (int) $post->ID;
			$fields['product_name'] = Plain_Text::from_title( $post->post_title );
		}
		return $fields;
	}

	/**
	 * Whether comments of a type are sent.
	 *
	 * @param string $kind The comment's type; older WordPress versions leave it empty.
	 * @return bool
	 */
	private function sends_type( $kind ) {
		return in_array( $kind, self::KINDS, true ) || ( in_array( $kind, self::PINGS, true ) && $this->settings->sends_pings() );
	}

	/**
	 * Whether comments with a status are sent.
	 *
	 * @param string|int $approved WordPress's value: 1, 0, spam, trash, post-trashed.
	 * @return bool
	 */
	private function sends_status( $approved ) {
		return '1' === (string) $approved || ( '0' === (string) $approved && $this->settings->sends_held() );
	}

	/**
	 * The comment as HTML, as WordPress stores it. WordPress filters what visitors write, but not what other plugins insert.
	 *
	 * @param string $stored The comment as WordPress stores it.
	 * @param string $text   The same as text.
	 * @return string '' if it is the same as the text, or if it would make the event too large.
	 */
	private function html( $stored, $text ) {
		$html = wp_kses_post( (string) $stored );
		return $text === $html || strlen( $html ) > self::LONGEST_HTML ? '' : $html;
	}

	/**
	 * When the comment was written, in UTC.
	 *
	 * @param \WP_Comment $comment The comment.
	 * @return string Such as 2026-01-31T23:59:59Z.
	 */
	private function timestamp( $comment ) {
		// Some importers leave the UTC column at zero.
		$gmt = '0000-00-00 00:00:00' === $comment->comment_date_gmt ? get_gmt_from_date( $comment->comment_date ) : $comment->comment_date_gmt;
		return str_replace( ' ', 'T', $gmt ) . 'Z';
	}
}
