<?php
/**
 * Plugin Name: Stand-in for WS Form
 *
 * For tests only. Like WS Form LITE 1.12.6 (api/class-ws-form-api-submit.php, api_post_complete()): the hook fires for
 * every outcome; passwords are in meta_protected; fields are in sections of tabs. Forms are kept in an option.
 */

define( 'WS_FORM_VERSION', '1.12.6' );

function standin_wsf_table() {
	global $wpdb;
	$wpdb->query( "CREATE TABLE IF NOT EXISTS {$wpdb->prefix}wsf_form (id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, label varchar(1024) NOT NULL, status varchar(20) NOT NULL) ENGINE=InnoDB" );
}

function wsf_form_get_object( $id ) {
	$fields = array();
	foreach ( get_option( 'standin_wsf', array() )[ $id ]['fields'] as $field_id => $field ) {
		$fields[] = (object) array(
			'id'    => $field_id,
			'type'  => $field[0],
			'label' => $field[1],
			'meta'  => (object) ( isset( $field[2] ) ? $field[2] : array() ),
		);
	}
	return (object) array(
		'id'     => $id,
		'label'  => get_option( 'standin_wsf' )[ $id ]['label'],
		'status' => 'publish',
		'meta'   => (object) array( 'spam_threshold' => 50 ),
		'groups' => array( (object) array( 'sections' => array( (object) array( 'fields' => $fields ) ) ) ),
	);
}

/**
 * Sends a form in. $outcome changes properties of the submission.
 */
function standin_wsf_submit( $form_id, array $values, $id = 81, array $outcome = array() ) {
	$submit                 = new stdClass();
	$submit->id             = $id;
	$submit->form_id        = $form_id;
	$submit->form_object    = wsf_form_get_object( $form_id );
	$submit->status         = 'publish';
	$submit->post_mode      = 'submit';
	$submit->preview        = false;
	$submit->spam_level     = null;
	$submit->error          = false;
	$submit->meta           = array();
	$submit->meta_protected = array();

	$submit->error_validation_actions = array();
	$submit->actions_stopped          = false;
	foreach ( $values as $field_id => $value ) {
		$type = get_option( 'standin_wsf' )[ $form_id ]['fields'][ $field_id ][0];
		$place = 'password' === $type ? 'meta_protected' : 'meta';

		$submit->{$place}[ 'field_' . $field_id ] = array(
			'id'               => $field_id,
			'value'            => $value,
			'type'             => $type,
			'section_id'       => 1,
			'repeatable_index' => false,
		);
	}
	foreach ( $outcome as $name => $value ) {
		$submit->$name = $value;
	}
	do_action( 'wsf_submit_post_complete', $submit );
}
