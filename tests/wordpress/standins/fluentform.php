<?php
/**
 * Plugin Name: Stand-in for Fluent Forms
 *
 * For tests only. It has the two tables of the real plugin that others read, and fires both names of its hook. As seen on
 * 6.2.5:
 *
 * - Empty entries of a list are removed, with their keys kept, and values that no field has are removed:
 *   SubmissionHandlerService::prepareHandler() in app/Services/Form/SubmissionHandlerService.php. Boxes that are not checked are
 *   not among the values.
 * - Texts go through sanitize_text_field(), which removes "<5V>", and e-mail addresses become lower case: fluentFormSanitizer()
 *   in boot/globals.php. Choices are the values of the form, not their labels.
 */

define( 'FLUENTFORM', true );

/**
 * boot/globals.php: the countries by their codes.
 */
function getFluentFormCountryList() {
	return array(
		'DE' => 'Germany',
		'CI' => "Côte d'Ivoire",
	);
}

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
 * What fluentFormSanitizer() in boot/globals.php makes of a posted value.
 */
function standin_fluent_sanitize( $value, $element = '' ) {
	if ( is_array( $value ) ) {
		return array_map( 'standin_fluent_sanitize', $value );
	}
	switch ( $element ) {
		case 'input_email':
			return strtolower( sanitize_text_field( $value ) );
		case 'input_url':
			return sanitize_url( $value );
		case 'input_password':
			return trim( $value );
		case 'rich_text_input':
			return wp_kses_post( $value );
		case 'textarea':
			return sanitize_textarea_field( $value );
	}
	return sanitize_text_field( $value );
}

/**
 * The elements of a form by name, those in columns too.
 */
function standin_fluent_elements( array $fields ) {
	$elements = array();
	foreach ( $fields as $field ) {
		if ( isset( $field['attributes']['name'] ) ) {
			$elements[ $field['attributes']['name'] ] = $field['element'];
		}
		foreach ( isset( $field['columns'] ) ? $field['columns'] : array() as $column ) {
			$elements += standin_fluent_elements( $column['fields'] );
		}
	}
	return $elements;
}

/**
 * Sends a form in. With the setting "mark as spam and go on" an entry of the status spam is told about too, and what
 * callbacks throw is swallowed.
 */
function standin_fluent_submit( $form_id, array $data, $status = 'unread', $path = '/kontakt/?utm_source=ad&utm_medium=cpc' ) {
	global $wpdb;
	$form                                 = $wpdb->get_row( $wpdb->prepare( "SELECT * FROM {$wpdb->prefix}fluentform_forms WHERE id = %d", $form_id ) );
	$elements                             = standin_fluent_elements( json_decode( $form->form_fields, true )['fields'] );
	$data                                 = array_intersect_key( $data, $elements );
	foreach ( $data as $name => $value ) {
		if ( is_array( $value ) ) {
			$value = array_filter( $value, static function ( $one ) { return '' !== $one && null !== $one && false !== $one; } );
		}
		$data[ $name ] = standin_fluent_sanitize( $value, $elements[ $name ] );
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
