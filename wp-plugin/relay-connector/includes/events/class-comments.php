<?php
/**
 * Comments.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

use Relay_Connector\Outbox;
use Relay_Connector\Settings;
use Relay_Connector\Trouble;

defined( 'ABSPATH' ) || exit;

/**
 * A comment is sent once: when it is approved, at once or by a moderator. Spam and trash are never sent, nor are the
 * order notes, editor notes and pingbacks that are kept as comments too.
 */
final class Comments implements Event_Source {

	const TYPE     = 'comment.created';
	const KINDS    = array( '', 'comment', 'review' );
	const META_KEY = '_relay_connector_sent';

	/**
	 * Behind the spam filters, which use these hooks too.
	 */
	const PRIORITY = 1000;

	/**
	 * The settings.
	 *
	 * @var Settings
	 */
	private $settings;

	/**
	 * The outbox.
	 *
	 * @var Outbox
	 */
	private $outbox;

	/**
	 * Takes the settings and the outbox.
	 *
	 * @param Settings $settings The settings.
	 * @param Outbox   $outbox   The outbox.
	 */
	public function __construct( Settings $settings, Outbox $outbox ) {
		$this->settings = $settings;
		$this->outbox   = $outbox;
	}

	/**
	 * The first hook sees every new comment, also one made over REST, which comment_post does not; the second one sees
	 * every later change of mind, but not the first insertion.
	 */
	public function add_hooks() {
		add_action( 'wp_insert_comment', array( $this, 'on_insert' ), self::PRIORITY, 2 );
		add_action( 'transition_comment_status', array( $this, 'on_transition' ), self::PRIORITY, 3 );
	}

	/**
	 * The event types that come from here.
	 *
	 * @return string[]
	 */
	public function types() {
		return array( self::TYPE );
	}

	/**
	 * A comment was made.
	 *
	 * @param int         $id      Its id.
	 * @param \WP_Comment $comment The comment.
	 */
	public function on_insert( $id, $comment ) {
		$this->note( $comment );
	}

	/**
	 * A comment was approved, held, marked as spam or trashed.
	 *
	 * @param string      $new_status The new status.
	 * @param string      $old_status The old status.
	 * @param \WP_Comment $comment    The comment.
	 */
	public function on_transition( $new_status, $old_status, $comment ) {
		if ( 'approved' === $new_status ) {
			$this->note( $comment, '1' );
		}
	}

	/**
	 * The fields of one event.
	 *
	 * @param string $type      The event type.
	 * @param int    $object_id The comment.
	 * @param string $event_id  The event's id.
	 * @return array
	 * @throws Withdrawn When the comment is gone, spam, trashed, no longer approved, or was sent before.
	 */
	public function data( $type, $object_id, $event_id ) {
		$comment = get_comment( $object_id );
		if ( ! $comment ) {
			throw new Withdrawn( esc_html__( 'The comment was deleted before it could be sent, so it was not sent.', 'relay-connector' ) );
		}
		if ( ! $this->is_wanted( $comment->comment_approved ) ) {
			throw new Withdrawn( esc_html__( 'The comment was held, marked as spam or trashed before it could be sent, so it was not sent. If it is approved again, it will be.', 'relay-connector' ) );
		}
		$sent_as = (string) get_comment_meta( $object_id, self::META_KEY, true );
		if ( '' !== $sent_as && $sent_as !== $event_id ) {
			throw new Withdrawn( esc_html__( 'The comment had been sent before, so it was not sent a second time.', 'relay-connector' ) );
		}

		$post   = get_post( (int) $comment->comment_post_ID );
		$author = wp_specialchars_decode( $comment->comment_author, ENT_QUOTES );
		$fields = array(
			'id'           => (int) $comment->comment_ID,
			'post_id'      => (int) $comment->comment_post_ID,
			'author'       => '' === $author ? __( 'Anonymous', 'relay-connector' ) : $author,
			'content'      => $comment->comment_content,
			'created_at'   => $this->instant( $comment ),
			'status'       => '1' === (string) $comment->comment_approved ? 'approved' : 'hold',
			'author_email' => $comment->comment_author_email,
			'author_url'   => $comment->comment_author_url,
			'post_title'   => $post ? wp_specialchars_decode( wp_strip_all_tags( $post->post_title ), ENT_QUOTES ) : '',
			'parent'       => (int) $comment->comment_parent,
		);
		// What the visitor left empty is not sent as an empty text.
		foreach ( array( 'author_email', 'author_url', 'post_title', 'parent' ) as $optional ) {
			if ( ! $fields[ $optional ] ) {
				unset( $fields[ $optional ] );
			}
		}
		return $fields;
	}

	/**
	 * Remembers that a comment has been sent, with the comment itself.
	 *
	 * @param int    $object_id The comment.
	 * @param string $event_id  The event's id.
	 */
	public function remember_sent( $object_id, $event_id ) {
		update_comment_meta( $object_id, self::META_KEY, $event_id );
	}

	/**
	 * How an admin would call a comment: the author's first letter is enough to tell two apart.
	 *
	 * @param int $object_id The comment.
	 * @return array With label and url.
	 */
	public function describe( $object_id ) {
		$comment = get_comment( $object_id );
		if ( ! $comment ) {
			return array(
				/* translators: %d: number of a comment. */
				'label' => sprintf( __( 'Comment %d (deleted)', 'relay-connector' ), $object_id ),
				'url'   => '',
			);
		}
		$first = mb_substr( wp_specialchars_decode( $comment->comment_author, ENT_QUOTES ), 0, 1 );
		return array(
			/* translators: 1: number of a comment, 2: first letter of a name, 3: title of a post. */
			'label' => sprintf( __( 'Comment %1$d by %2$s••• on “%3$s”', 'relay-connector' ), $object_id, $first, wp_strip_all_tags( get_the_title( (int) $comment->comment_post_ID ) ) ),
			'url'   => admin_url( 'comment.php?action=editcomment&c=' . $object_id ),
		);
	}

	/**
	 * Notes a comment down, if it is one that is sent. Whatever goes wrong here, the visitor's comment stands.
	 *
	 * @param \WP_Comment $comment  The comment.
	 * @param string|null $approved Its status, where the object may still show the old one.
	 */
	private function note( $comment, $approved = null ) {
		try {
			// An import brings years of old comments: they are not new ones.
			if ( ! $comment instanceof \WP_Comment || ( defined( 'WP_IMPORTING' ) && WP_IMPORTING ) ) {
				return;
			}
			$approved = null === $approved ? $comment->comment_approved : $approved;
			if ( ! in_array( $comment->comment_type, self::KINDS, true ) || ! $this->is_wanted( $approved ) || ! $this->settings->collects_events() ) {
				return;
			}
			$this->outbox->add( self::TYPE, (int) $comment->comment_ID, self::TYPE . ':' . (int) $comment->comment_ID );
		} catch ( \Throwable $fault ) {
			Trouble::note( self::TYPE . ': ' . $fault->getMessage() );
		}
	}

	/**
	 * Whether comments of a status are sent.
	 *
	 * @param string|int $approved What the core keeps: 1, 0, spam, trash, post-trashed.
	 * @return bool
	 */
	private function is_wanted( $approved ) {
		return '1' === (string) $approved || ( '0' === (string) $approved && $this->settings->sends_held() );
	}

	/**
	 * When the comment was written, in UTC.
	 *
	 * @param \WP_Comment $comment The comment.
	 * @return string Such as 2026-01-31T23:59:59Z.
	 */
	private function instant( $comment ) {
		// Some importers leave the UTC column at zero.
		$gmt = '0000-00-00 00:00:00' === $comment->comment_date_gmt ? get_gmt_from_date( $comment->comment_date ) : $comment->comment_date_gmt;
		return str_replace( ' ', 'T', $gmt ) . 'Z';
	}
}
