<?php
/**
 * Plugin Name: Stand-in for WPForms
 *
 * For tests only. Forms are posts of the type wpforms, their text is JSON, as in the real plugin.
 */

add_action(
	'init',
	static function () {
		register_post_type( 'wpforms' );
	}
);

function wpforms() {
	return new stdClass();
}

/**
 * Makes a form; fields as id => type, label, and further settings, or "multiple" if several choices can be made.
 */
function standin_wpforms_make( $title, array $fields ) {
	$json = array(
		'settings' => array( 'form_title' => $title ),
		'fields'   => array(),
	);
	foreach ( $fields as $id => $field ) {
		$json['fields'][ $id ] = array(
			'id'    => (string) $id,
			'type'  => $field[0],
			'label' => $field[1],
		) + ( isset( $field[2] ) ? ( is_array( $field[2] ) ? $field[2] : array( 'multiple' => '1' ) ) : array() );
	}
	// Forms are made by administrators, whose HTML is not filtered.
	kses_remove_filters();
	$id = wp_insert_post(
		array(
			'post_type'    => 'wpforms',
			'post_status'  => 'publish',
			'post_title'   => $title,
			'post_content' => wp_slash( wp_json_encode( $json ) ),
		)
	);
	kses_init();
	return $id;
}

/**
 * What the real plugin makes of a value (format() of each class in includes/fields/ and src/Forms/Fields/, 2.0.0.2): texts go
 * through sanitize_text_field(), which removes "<5V>"; several choices are lines; a choice that the form does not have is
 * dropped; prices have the currency as an entity; the box for consent has its text as the value, checked or not.
 */
function standin_wpforms_format( array $field, $value ) {
	$list    = array_filter( (array) $value, static function ( $one ) { return is_scalar( $one ) && '' !== $one; } );
	$choices = isset( $field['choices'] ) ? wp_list_pluck( $field['choices'], 'label' ) : null;
	switch ( $field['type'] ) {
		case 'name':
			$parts = array();
			foreach ( array( 'first', 'middle', 'last' ) as $part ) {
				$parts[ $part ] = is_array( $value ) && isset( $value[ $part ] ) ? sanitize_text_field( $value[ $part ] ) : '';
			}
			return array( 'value' => is_array( $value ) ? implode( ' ', array_filter( $parts ) ) : sanitize_text_field( $value ) ) + $parts;
		case 'textarea':
			return array( 'value' => sanitize_textarea_field( $value ) );
		case 'gdpr-checkbox':
			return array( 'value' => $field['choices'][1]['label'] );
		case 'payment-single':
			return array(
				'value'      => '&#36;' . number_format( (float) $field['price'], 2 ),
				'amount'     => number_format( (float) $field['price'], 2 ),
				'amount_raw' => $field['price'],
				'currency'   => 'USD',
			);
		case 'payment-checkbox':
			$lines = array();
			foreach ( $list as $number ) {
				$lines[] = sanitize_text_field( $field['choices'][ $number ]['label'] ) . ' - &#36;' . number_format( (float) $field['choices'][ $number ]['value'], 2 );
			}
			return array( 'value' => implode( "\r\n", $lines ) );
		case 'checkbox':
		case 'select':
		case 'radio':
			$list = null === $choices ? $list : array_intersect( $list, $choices );
			return array( 'value' => implode( "\n", array_map( 'sanitize_text_field', $list ) ) );
		case 'address':
			$parts = array_map( 'sanitize_text_field', (array) $value );
			return array( 'value' => implode( "\n", array_filter( $parts ) ) ) + $parts;
	}
	return array( 'value' => implode( "\n", array_map( 'sanitize_text_field', $list ) ) );
}

/**
 * Sends a form in. The free edition keeps no entry: its number is 0. An entry kept as spam does not reach the usual hook.
 */
function standin_wpforms_submit( $form_id, array $values, $entry_id = 0, $is_spam = false ) {
	$form_data       = json_decode( get_post( $form_id )->post_content, true );
	$form_data['id'] = (string) $form_id;
	$fields          = array();
	foreach ( $form_data['fields'] as $id => $field ) {
		$fields[ $id ] = array(
			'name' => sanitize_text_field( $field['label'] ),
			'id'   => (int) $id,
			'type' => $field['type'],
		) + standin_wpforms_format( $field, isset( $values[ $id ] ) ? $values[ $id ] : '' );
	}
	$entry = array(
		'id'     => (string) $form_id,
		'fields' => $values,
	);
	if ( $is_spam ) {
		do_action( 'wpforms_process_anti_spam_entry_marked_as_spam', $entry_id, $form_id );
		return;
	}
	do_action( 'wpforms_process_entry_saved', $fields, $entry, $form_data, $entry_id );
	do_action( 'wpforms_process_complete', $fields, $entry, $form_data, $entry_id );
	do_action( "wpforms_process_complete_{$form_id}", $fields, $entry, $form_data, $entry_id );
}
