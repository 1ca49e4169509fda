<?php
/**
 * Plugin Name: Stand-in for Formidable Forms
 *
 * For tests only. Forms and entries are kept in options; only an entry's number comes with the hook. As seen on 6.34:
 *
 * - Values are stored as they were typed, tags and entities included: FrmEntryValidate::validate_field() in
 *   classes/models/FrmEntryValidate.php sanitizes a copy. Empty ones, and boxes that are not checked, are not stored.
 * - Of a list with one value only the value is stored, except for checkboxes.
 * - With separate values, the value of an option is stored and not its label (single-option.php in
 *   classes/views/frm-fields).
 * - FrmEntry::getOne() removes slashes from what it reads (wp_unslash() in classes/models/FrmEntry.php), also those that a
 *   visitor typed.
 */

class FrmForm {
	public static function get_published_forms( $query = array(), $limit = 999, $inc_children = 'exclude' ) {
		$forms = array();
		foreach ( get_option( 'standin_frm', array() ) as $id => $form ) {
			$forms[] = (object) array(
				'id'   => (string) $id,
				'name' => $form['name'],
			);
		}
		return $forms;
	}
}

class FrmField {
	public static function get_all_for_form( $form_id, $limit = '', $inc_embed = 'exclude', $inc_repeat = 'include' ) {
		$fields = array();
		$forms  = get_option( 'standin_frm', array() );
		foreach ( isset( $forms[ $form_id ] ) ? $forms[ $form_id ]['fields'] : array() as $id => $field ) {
			$fields[] = (object) array(
				'id'        => (string) $id,
				'field_key' => 'key' . $id,
				'type'      => $field[0],
				'name'      => $field[1],
				'form_id'   => (string) $form_id,
				'field_options' => isset( $field[2] ) ? $field[2] : array(),
				'options'       => isset( $field[3] ) ? $field[3] : array(),
			);
		}
		return $fields;
	}
}

class FrmEntry {
	public static function getOne( $id, $meta = false ) {
		$entries = get_option( 'standin_frm_entries', array() );
		if ( ! isset( $entries[ $id ] ) ) {
			return null;
		}
		$entry = (object) wp_unslash( $entries[ $id ] );
		if ( ! $meta ) {
			unset( $entry->metas );
		}
		return $entry;
	}
}

function standin_frm_metas( $form_id, array $metas ) {
	foreach ( $metas as $id => $value ) {
		if ( is_array( $value ) && 1 === count( $value ) && isset( $value[0] ) && 'checkbox' !== get_option( 'standin_frm' )[ $form_id ]['fields'][ $id ][0] ) {
			$metas[ $id ] = $value[0];
		}
	}
	return $metas;
}

/**
 * Makes an entry, a draft of one, or a row of a repeater. Empty values are not kept.
 */
function standin_frm_create( $form_id, array $metas, $is_draft = 0, $is_child = false, $parent = 0 ) {
	$entries        = get_option( 'standin_frm_entries', array() );
	$id             = count( $entries ) + 501;
	$entries[ $id ] = array(
		'id'             => (string) $id,
		'form_id'        => (string) $form_id,
		'form_name'      => get_option( 'standin_frm' )[ $form_id ]['name'],
		'is_draft'       => (string) $is_draft,
		'parent_item_id' => (string) $parent,
		'metas'          => standin_frm_metas( $form_id, array_filter( $metas ) ),
	);
	update_option( 'standin_frm_entries', $entries );
	do_action( 'frm_after_create_entry', $id, $form_id, compact( 'is_child' ) );
	do_action( 'frm_after_create_entry_' . $form_id, $id, compact( 'is_child' ) );
	return $id;
}

/**
 * Finishes a draft: the same hook is fired again for the same number.
 */
function standin_frm_publish( $id ) {
	$entries                    = get_option( 'standin_frm_entries' );
	$entries[ $id ]['is_draft'] = '0';
	update_option( 'standin_frm_entries', $entries );
	do_action( 'frm_after_create_entry', $id, (int) $entries[ $id ]['form_id'] );
}
