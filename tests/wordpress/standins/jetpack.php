<?php
/**
 * Plugin Name: Stand-in for Jetpack Forms
 *
 * For tests only. Like the package jetpack-forms 7.23.0 in Jetpack 16.0.1 (src/contact-form/class-contact-form.php,
 * process_submission()): an entry is a post with the form or the page as its parent; values went through
 * sanitize_textarea_field(); the hook fires for spam, trash, previews and forms that do not store entries.
 */

namespace Automattic\Jetpack\Forms\ContactForm {

	class Contact_Form_Plugin {
	}

	class Contact_Form_Field {
		public $value;
		private $attributes;

		public function __construct( array $attributes, $value ) {
			$this->attributes = $attributes;
			$this->value      = $value;
		}

		public function get_attribute( $key ) {
			return isset( $this->attributes[ $key ] ) ? $this->attributes[ $key ] : null;
		}
	}
}

namespace {

	/**
	 * Sends a form in. $fields: type, label and value by id.
	 */
	function standin_jetpack_submit( $page_id, array $fields, $status = 'publish', $is_spam = false, $is_preview = false ) {
		register_post_type( 'feedback' );
		$objects = array();
		foreach ( $fields as $id => $field ) {
			$value          = is_array( $field[2] ) ? array_map( 'sanitize_textarea_field', $field[2] ) : sanitize_textarea_field( $field[2] );
			$objects[ $id ] = new \Automattic\Jetpack\Forms\ContactForm\Contact_Form_Field( array( 'type' => $field[0], 'label' => $field[1] ), $value );
		}
		$post_id = wp_insert_post(
			array(
				'post_type'   => 'feedback',
				'post_status' => 'jp-temp-feedback' === $status ? 'draft' : $status,
				'post_title'  => 'Jane - now',
				'post_parent' => $page_id,
			)
		);
		if ( 'jp-temp-feedback' === $status ) {
			$GLOBALS['wpdb']->update( $GLOBALS['wpdb']->posts, array( 'post_status' => $status ), array( 'ID' => $post_id ) );
			clean_post_cache( $post_id );
		}
		if ( $is_preview ) {
			add_post_meta( $post_id, '_feedback_is_test', 1, true );
		}
		do_action(
			'grunion_after_feedback_post_inserted',
			$post_id,
			$objects,
			$is_spam,
			array(
				'email_marketing_consent' => 'no',
				'entry_title'             => get_the_title( $page_id ),
				'entry_permalink'         => home_url( '/contact/?utm_source=ad' ),
				'feedback_id'             => md5( $post_id ),
			)
		);
		return $post_id;
	}
}
