<?php
/**
 * Plugin Name: Stand-in for Fluent Forms
 *
 * For tests only. It has the two tables of the real plugin that others read, and fires both names of its hook.
 */

define( 'FLUENTFORM', true );

function standin_fluent_tables() {
	global $wpdb;
	$wpdb->query( "CREATE TABLE IF NOT EXISTS {$wpdb->prefix}fluentform_forms (id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, title varchar(255) NOT NULL, status varchar(45) DEFAULT 'published', form_fields longtext) ENGINE=InnoDB" );
	$wpdb->query( "CREATE TABLE IF NOT EXISTS {$wpdb->prefix}fluentform_submissions (id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, form_id int unsigned, response longtext, source_url varchar(255), status varchar(45) DEFAULT 'unread', created_at timestamp NULL) ENGINE=InnoDB" );
}
register_activation_hook( __FILE__, 'standin_fluent_tables' );

/**
 * Makes a form. $fields is the list that the real editor keeps under "fields".
 */
function standin_fluent_make( $title, array $fields ) {
	global $wpdb;
	$wpdb->insert(
		$wpdb->prefix . 'fluentform_forms',
		array(
			'title'       => $title,
			'form_fields' => wp_json_encode(
				array(
					'fields'       => $fields,
					'submitButton' => array( 'element' => 'button' ),
				)
			),
		)
	);
	return $wpdb->insert_id;
}

/**
 * What fluentFormSanitizer() in boot/globals.php (6.2.2) makes of a posted value.
 */
function standin_fluent_sanitize( $value, $element = '' ) {
	if ( is_array( $value ) ) {
		return array_map( 'standin_fluent_sanitize', $value );
	}
	switch ( $element ) {
		case 'rich_text_input':
			return wp_kses_post( $value );
		case 'textarea':
			return sanitize_textarea_field( $value );
	}
	return sanitize_text_field( $value );
}

/**
 * Sends a form in. With the setting "mark as spam and go on" an entry of the status spam is told about too, and what
 * callbacks throw is swallowed.
 */
function standin_fluent_submit( $form_id, array $data, $status = 'unread', $path = '/kontakt/?utm_source=ad&utm_medium=cpc' ) {
	global $wpdb;
	$form                                 = $wpdb->get_row( $wpdb->prepare( "SELECT * FROM {$wpdb->prefix}fluentform_forms WHERE id = %d", $form_id ) );
	foreach ( json_decode( $form->form_fields, true )['fields'] as $field ) {
		$name = isset( $field['attributes']['name'] ) ? $field['attributes']['name'] : '';
		if ( isset( $data[ $name ] ) ) {
			$data[ $name ] = standin_fluent_sanitize( $data[ $name ], $field['element'] );
		}
	}
	$data['__fluent_form_embded_post_id'] = '2';
	$data['_fluentform_' . $form_id . '_fluentformnonce'] = 'abcdef0123';
	$data['_wp_http_referer']             = $path;
	$wpdb->insert(
		$wpdb->prefix . 'fluentform_submissions',
		array(
			'form_id'  => $form_id,
			'response' => wp_json_encode( $data ),
			'status'   => $status,
		)
	);
	$id = $wpdb->insert_id;
	try {
		do_action( 'fluentform_submission_inserted', $id, $data, $form );
		do_action( 'fluentform/submission_inserted', $id, $data, $form );
	} catch ( Exception $swallowed ) {
		unset( $swallowed );
	}
	return $id;
}
