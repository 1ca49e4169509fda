<?php
/**
 * Plugin Name: Stand-in for SureForms
 *
 * For tests only. Like SureForms 2.11.0 (inc/form-submit.php): the hook passes values by short names; the stored entry has
 * names such as srfm-email-b1-lbl-RS1tYWls-email, and values that are sanitized and then escaped for HTML. Text areas went
 * through wp_kses_post().
 */

namespace SRFM\Inc\Database\Tables {

	class Entries {
		public static $rows = array();

		public static function get( $id ) {
			return isset( self::$rows[ $id ] ) ? array( 'ID' => $id, 'form_data' => self::$rows[ $id ] ) : array();
		}
	}
}

namespace {

	define( 'SRFM_VER', '2.11.0' );

	/**
	 * Makes a form. $fields: type, label and short name by block.
	 */
	function standin_sureforms_make( $title, array $fields ) {
		register_post_type( 'sureforms_form' );
		$blocks = '';
		foreach ( $fields as $id => $field ) {
			$blocks .= '<!-- wp:srfm/' . $field[0] . ' ' . wp_json_encode( array( 'block_id' => $id, 'label' => $field[1], 'slug' => $field[2] ) ) . ' /-->';
		}
		return wp_insert_post( array( 'post_type' => 'sureforms_form', 'post_status' => 'publish', 'post_title' => $title, 'post_content' => wp_slash( $blocks ) ) );
	}

	/**
	 * Sends a form in: what was typed, by block. With $is_stored false, the form does not store its entries.
	 */
	function standin_sureforms_submit( $form_id, array $values, $entry_id = 71, $is_stored = true ) {
		$data  = array();
		$short = array();
		foreach ( parse_blocks( get_post( $form_id )->post_content ) as $block ) {
			$about = $block['attrs'];
			$type  = substr( $block['blockName'], 5 );
			if ( ! isset( $values[ $about['block_id'] ] ) ) {
				continue;
			}
			$value = 'textarea' === $type ? wp_kses_post( $values[ $about['block_id'] ] ) : sanitize_text_field( $values[ $about['block_id'] ] );
			$name  = 'srfm-' . ( 'multi-choice' === $type ? 'input-' : '' ) . $type . '-' . $about['block_id'] . '-lbl-' . rtrim( base64_encode( $about['label'] ), '=' ) . '-' . $about['slug'];
			$data[ $name ]            = htmlspecialchars( $value );
			$short[ $about['slug'] ] = html_entity_decode( esc_attr( htmlspecialchars( $value ) ) );
		}
		\SRFM\Inc\Database\Tables\Entries::$rows[ $entry_id ] = $data;
		do_action(
			'srfm_form_submit',
			array(
				'success'   => true,
				'form_id'   => $form_id,
				'to_emails' => array(),
				'form_name' => esc_attr( get_the_title( $form_id ) ),
				'message'   => '',
				'data'      => $short,
			) + ( $is_stored ? array( 'entry_id' => $entry_id ) : array() )
		);
	}
}
