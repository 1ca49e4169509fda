<?php
/**
 * Plugin Name: Stand-in for Kadence Blocks
 *
 * For tests only. Like Kadence Blocks 3.7.9: the advanced form (includes/advanced-form/advanced-form-ajax.php) sanitizes
 * what WordPress has slashed and does not remove the slashes; the older form (includes/form-ajax.php) does. Boxes that are
 * not checked are not among the values; several choices are one text.
 */

define( 'KADENCE_BLOCKS_VERSION', '3.7.9' );

/**
 * Sends an advanced form in. $fields: type and label by id; $values: what was typed, by id.
 */
function standin_kadence_advanced( $form_id, array $fields, array $values ) {
	$known     = array();
	$processed = array();
	foreach ( $fields as $id => $field ) {
		$known[] = array( 'uniqueID' => $id, 'type' => $field[0], 'label' => $field[1] );
		if ( isset( $values[ $id ] ) ) {
			$value       = is_array( $values[ $id ] ) ? implode( ', ', $values[ $id ] ) : $values[ $id ];
			$processed[] = array(
				'label'     => wp_strip_all_tags( $field[1] ),
				'type'      => $field[0],
				'required'  => false,
				'value'     => 'accept' === $field[0] ? 'Accept' : sanitize_textarea_field( wp_slash( $value ) ),
				'uniqueID'  => $id,
				'name'      => 'field' . $id,
				'file_name' => '',
			);
		}
	}
	do_action( 'kadence_blocks_advanced_form_submission', array( 'fields' => $known, 'attributes' => array() ), $processed, (string) $form_id );
}

function standin_kadence_form( $block_id, $post_id, array $fields, array $values ) {
	$known     = array();
	$processed = array();
	foreach ( $fields as $number => $field ) {
		$known[ $number ] = array( 'type' => $field[0], 'label' => $field[1] );
		if ( isset( $values[ $number ] ) ) {
			$processed[ $number ] = array(
				'type'  => $field[0],
				'label' => $field[1],
				'value' => 'accept' === $field[0] ? 'Accept' : sanitize_textarea_field( $values[ $number ] ),
			);
		}
	}
	do_action( 'kadence_blocks_form_submission', array( 'fields' => $known ), $processed, $block_id, $post_id );
}
