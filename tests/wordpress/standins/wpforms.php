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
 * Makes a form; fields as id => type, label.
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
		);
	}
	return wp_insert_post(
		array(
			'post_type'    => 'wpforms',
			'post_status'  => 'publish',
			'post_title'   => $title,
			'post_content' => wp_slash( wp_json_encode( $json ) ),
		)
	);
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
			'name'  => $field['label'],
			'value' => isset( $values[ $id ] ) ? $values[ $id ] : '',
			'id'    => (int) $id,
			'type'  => $field['type'],
		);
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
