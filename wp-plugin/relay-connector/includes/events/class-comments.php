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
 * A comment is sent once: when it is approved, at once or by a moderator. Spam and trash are never sent, nor are the
 * order notes and editor notes that are kept as comments too; pingbacks only where an admin wants them.
 */
final class Comments extends Base_Source {

	const TYPE     = 'comment.created';
	const KINDS    = array( '', 'comment', 'review' );
	const PINGS    = array( 'pingback', 'trackback' );
	const META_KEY = '_relay_connector_sent';

	/**
	 * Behind the spam filters, which use these hooks too.
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
	 * The name for the settings page.
	 *
	 * @return string
	 */
	public function label() {
		return __( 'Comments', 'relay-connector' );
	}

	/**
	 * What is sent and when.
	 *
	 * @return string
	 */
	public function help() {
		return __( 'Each comment is sent once, when it is approved: at once or by a moderator. Spam and trash are never sent.', 'relay-connector' );
	}

	/**
	 * What an admin may leave out.
	 *
	 * @return string[]
	 */
	public function optional_fields() {
		return array(
			'author_email' => __( 'E-mail address', 'relay-connector' ),
			'author_url'   => __( 'Web address', 'relay-connector' ),
		);
	}

	/**
	 * Settings of its own.
	 *
	 * @return string[]
	 */
	public function own_options() {
		return array(
			Settings::SEND_HELD  => __( 'Also send comments that are held for moderation, as soon as they are written', 'relay-connector' ),
			Settings::SEND_PINGS => __( 'Also send pingbacks and trackbacks, the notes of other sites that link here', 'relay-connector' ),
		);
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
	 * Whether events of a type come from here.
	 *
	 * @param string $type The event type.
	 * @return bool
	 */
	public function handles( $type ) {
		return self::TYPE === $type;
	}

	/**
	 * A comment was made.
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
	 * Asks whether the comment still stands.
	 *
	 * @param object $row The row.
	 * @throws Event_Withdrawn When the comment is gone, spam, trashed, no longer approved, or was sent before.
	 */
	public function check( $row ) {
		parent::check( $row );
		$comment = get_comment( (int) $row->object_id );
		if ( ! $comment ) {
			throw new Event_Withdrawn( esc_html__( 'The comment was deleted before it could be sent, so it was not sent.', 'relay-connector' ) );
		}
		if ( ! $this->sends_status( $comment->comment_approved ) ) {
			throw new Event_Withdrawn( esc_html__( 'The comment was held, marked as spam or trashed before it could be sent, so it was not sent. If it is approved again, it will be.', 'relay-connector' ) );
		}
		$sent_as = (string) get_comment_meta( (int) $row->object_id, self::META_KEY, true );
		if ( '' !== $sent_as && $sent_as !== $row->event_id ) {
			throw new Event_Withdrawn( esc_html__( 'The comment had been sent before, so it was not sent a second time.', 'relay-connector' ) );
		}
	}

	/**
	 * The fields of one event.
	 *
	 * @param object $row The row.
	 * @return array
	 */
	public function data( $row ) {
		$comment = get_comment( (int) $row->object_id );
		$post    = get_post( (int) $comment->comment_post_ID );
		$author  = Text::clean( wp_specialchars_decode( $comment->comment_author, ENT_QUOTES ) );
		$fields  = array(
			'id'           => (int) $comment->comment_ID,
			'post_id'      => (int) $comment->comment_post_ID,
			'author'       => '' === $author ? __( 'Anonymous', 'relay-connector' ) : $author,
			'content'      => Text::clean( $comment->comment_content ),
			'created_at'   => $this->timestamp( $comment ),
			'status'       => '1' === (string) $comment->comment_approved ? 'approved' : 'hold',
			'author_email' => $comment->comment_author_email,
			'author_url'   => $comment->comment_author_url,
			'post_title'   => $post ? wp_specialchars_decode( wp_strip_all_tags( $post->post_title ), ENT_QUOTES ) : '',
			'parent'       => (int) $comment->comment_parent,
		);
		// What the visitor left empty is not sent as an empty text.
		foreach ( array( 'author_email', 'author_url', 'post_title', 'parent' ) as $optional ) {
			if ( ! $fields[ $optional ] || ! $this->choices->sends_field( $this->slug(), $optional ) ) {
				unset( $fields[ $optional ] );
			}
		}
		if ( in_array( $comment->comment_type, self::PINGS, true ) ) {
			$fields['type'] = $comment->comment_type;
		}
		return $fields;
	}

	/**
	 * Remembers that a comment has been sent, with the comment itself.
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
		return $comment ? (string) $comment->comment_author_email : '';
	}

	/**
	 * How an admin would call a comment: the author's first letter is enough to tell two apart.
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
		$first = mb_substr( wp_specialchars_decode( $comment->comment_author, ENT_QUOTES ), 0, 1 );
		return array(
			/* translators: 1: number of a comment, 2: first letter of a name, 3: title of a post. */
			'label' => sprintf( __( 'Comment %1$d by %2$s••• on “%3$s”', 'relay-connector' ), $object_id, $first, wp_strip_all_tags( get_the_title( (int) $comment->comment_post_ID ) ) ),
			'url'   => admin_url( 'comment.php?action=editcomment&c=' . $object_id ),
		);
	}

	/**
	 * Notes a comment down, if it is one that is sent.
	 *
	 * @param \WP_Comment $comment  The comment.
	 * @param string|null $approved Its status, where the object may still show the old one.
	 */
	private function record( $comment, $approved = null ) {
		$this->run_safely(
			function () use ( $comment, $approved ) {
				if ( ! $comment instanceof \WP_Comment ) {
					return;
				}
				$approved = null === $approved ? $comment->comment_approved : $approved;
				if ( $this->sends_type( $comment->comment_type ) && $this->sends_status( $approved ) ) {
					$this->outbox->add( self::TYPE, (int) $comment->comment_ID, self::TYPE . ':' . (int) $comment->comment_ID );
				}
			}
		);
	}

	/**
	 * Whether comments of a kind are sent.
	 *
	 * @param string $kind The comment's type; empty for an ordinary one of older days.
	 * @return bool
	 */
	private function sends_type( $kind ) {
		return in_array( $kind, self::KINDS, true ) || ( in_array( $kind, self::PINGS, true ) && $this->settings->sends_pings() );
	}

	/**
	 * Whether comments of a status are sent.
	 *
	 * @param string|int $approved What the core keeps: 1, 0, spam, trash, post-trashed.
	 * @return bool
	 */
	private function sends_status( $approved ) {
		return '1' === (string) $approved || ( '0' === (string) $approved && $this->settings->sends_held() );
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
