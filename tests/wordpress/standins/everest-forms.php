<?php
/**
 * Plugin Name: Stand-in for Everest Forms
 *
 * For tests only. Like Everest Forms 3.4.7 (includes/class-evf-form-task.php, entry_save()): choices are lists with name,
 * type and label; labels went through make_clickable(); a checkbox of a privacy policy that is not checked is missing; the
 * hook of a spam entry fires too.
 */

function evf() {
	return new stdClass();
}

/**
 * Makes a form. $fields: type, label and further settings by id.
 */
function standin_evf_make( $title, array $fields ) {
	register_post_type( 'everest_form' );
	$form = array( 'settings' => array( 'form_title' => $title ), 'form_fields' => array() );
	foreach ( $fields as $id => $field ) {
		$form['form_fields'][ $id ] = array( 'id' => $id, 'type' => $field[0], 'label' => $field[1] ) + ( isset( $field[2] ) ? $field[2] : array() );
	}
	$form_id = wp_insert_post( array( 'post_type' => 'everest_form', 'post_status' => 'publish', 'post_title' => $title ) );
	wp_update_post( array( 'ID' => $form_id, 'post_content' => wp_slash( wp_json_encode( array( 'id' => $form_id ) + $form ) ) ) );
	return $form_id;
}

function standin_evf_submit( $form_id, array $values, $entry_id = 91, $is_spam = false ) {
	$form   = json_decode( get_post( $form_id )->post_content, true );
	$fields = array();
	foreach ( $values as $id => $value ) {
		$about = $form['form_fields'][ $id ];
		$name  = make_clickable( $about['label'] );
		$field = array( 'id' => $id, 'type' => $about['type'], 'meta_key' => $id );
		if ( in_array( $about['type'], array( 'checkbox', 'radio' ), true ) ) {
			$field['value'] = array(
				'name'  => $name,
				'type'  => $about['type'],
				'label' => is_array( $value ) ? array_combine( $value, array_map( 'sanitize_text_field', $value ) ) : sanitize_text_field( $value ),
			);
		} else {
			$field['name']  = $name;
			$field['value'] = is_array( $value ) ? $value : sanitize_textarea_field( $value );
		}
		$fields[ $id ] = $field;
	}
	$posted = array( 'form_fields' => $values ) + ( $is_spam ? array( 'evf_spam_status' => 'spam' ) : array() );
	do_action( 'everest_forms_complete_entry_save', $entry_id, $fields, $posted, $form_id, $form );
}
