<?php
/**
 * AI summaries of comments.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Results;

defined( 'ABSPATH' ) || exit;

/**
 * Stores the summary (or the note) that the gateway returns for a comment and shows it in the list of comments, if this
 * is enabled.
 */
final class Comment_Summaries {

	const META_KEY = '_relay_connector_summary';
	const OPTION   = 'relay_connector_store_summary';
	const LONGEST  = 2000;

	/**
	 * Whether summaries are stored.
	 *
	 * @return bool
	 */
	public static function are_enabled() {
		return (bool) get_option( self::OPTION, false );
	}

	/**
	 * Stores a summary with its comment. Only plain text is stored, whatever the gateway sends.
	 *
	 * @param string $event_type The event type.
	 * @param string $event_id   The event's id.
	 * @param array  $result     The result from the gateway.
	 * @param mixed  $subject    The object of the event.
	 */
	public function store( $event_type, $event_id, $result, $subject ) {
		if ( ! self::are_enabled() || ! $subject instanceof \WP_Comment ) {
			return;
		}
		$found = '';
		foreach ( array( 'note', 'summary' ) as $name ) {
			$found = isset( $result[ $name ] ) && is_string( $result[ $name ] ) ? $result[ $name ] : $found;
		}
		$text = trim( mb_substr( sanitize_textarea_field( $found ), 0, self::LONGEST ) );
		if ( '' !== $text ) {
			update_comment_meta( (int) $subject->comment_ID, self::META_KEY, wp_slash( $text ) );
		}
	}

	/**
	 * Adds the column.
	 *
	 * @param string[] $columns The columns.
	 * @return string[]
	 */
	public function add_column( $columns ) {
		if ( self::are_enabled() ) {
			$columns['relay_connector_summary'] = __( 'Summary', 'relay-connector' );
		}
		return $columns;
	}

	/**
	 * Prints one cell of the column.
	 *
	 * @param string $column The column.
	 * @param int    $id     The comment.
	 */
	public function render( $column, $id ) {
		if ( 'relay_connector_summary' === $column ) {
			$text = (string) get_comment_meta( (int) $id, self::META_KEY, true );
			echo esc_html( '' === $text ? '—' : $text );
		}
	}
}
