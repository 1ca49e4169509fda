<?php
/**
 * Ninja Forms.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events\Forms;

use Relay_Connector\Events\Field_Types;
use Relay_Connector\Events\Form_Entry;
use Relay_Connector\Events\Form_Field;
use Relay_Connector\Events\Plain_Text;

defined( 'ABSPATH' ) || exit;

/**
 * It fires for previews too.
 */
final class Ninja_Forms extends Form_Plugin {

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'ninja-forms';
	}

	/**
	 * The plugin's own name.
	 *
	 * @return string
	 */
	public function name() {
		return 'Ninja Forms';
	}

	/**
	 * Whether it is active.
	 *
	 * @return bool
	 */
	public function is_active() {
		return function_exists( '\Ninja_Forms' );
	}

	/**
	 * Registers the hook for its entries.
	 */
	public function add_hooks() {
		add_action( 'ninja_forms_after_submission', array( $this, 'on_submission' ), 20, 1 );
	}

	/**
	 * A form was accepted, or previewed in the editor.
	 *
	 * @param array $data With form_id, fields, settings, actions.
	 */
	public function on_submission( $data = array() ) {
		$this->record_entry(
			function () use ( $data ) {
				$form_id = isset( $data['form_id'] ) ? $data['form_id'] : ( isset( $data['id'] ) ? $data['id'] : '' );
				if ( '' === (string) $form_id || ! empty( $data['settings']['is_preview'] ) ) {
					return null;
				}
				$title = isset( $data['settings']['title'] ) ? $data['settings']['title'] : '';
				$entry = new Form_Entry( $form_id, $title, isset( $data['actions']['save']['sub_id'] ) ? (int) $data['actions']['save']['sub_id'] : 0 );
				foreach ( isset( $data['fields'] ) ? (array) $data['fields'] : array() as $id => $field ) {
					// The version decides which of the two places holds a field's settings.
					$field          += isset( $field['settings'] ) ? (array) $field['settings'] : array();
					$entry->fields[] = $this->read( $id, $field );
				}
				return $entry;
			}
		);
	}

	/**
	 * A field with its value, which is as typed (NF_AJAX_Controllers_Submission::process() in
	 * includes/AJAX/Controllers/Submission.php).
	 *
	 * @param int|string $id    The field's id.
	 * @param array      $field The field with its settings.
	 * @return Form_Field
	 */
	private function read( $id, array $field ) {
		$key   = isset( $field['key'] ) ? (string) $field['key'] : '';
		$label = ! empty( $field['label'] ) ? $field['label'] : $key;
		$read  = new Form_Field( isset( $field['id'] ) ? $field['id'] : $id, $label, isset( $field['type'] ) ? $field['type'] : '', isset( $field['value'] ) ? $field['value'] : '' );
		// Its "checkbox" is a single one; "listcheckbox" has several.
		$read->kind = 'checkbox' === $read->type ? Field_Types::CHOICE : Field_Types::kind( $read->type, $key );
		if ( ! empty( $field['textarea_rte'] ) ) {
			$read->format = Plain_Text::HTML;
		}
		if ( 'repeater' === $read->type ) {
			$read->value = self::rows( (array) $read->value, isset( $field['fields'] ) ? (array) $field['fields'] : array() );
			$read->kind  = Field_Types::CHOICES;
		} elseif ( Field_Types::DATE === $read->kind && is_array( $read->value ) ) {
			$read->value = self::date_and_time( $read->value );
		} elseif ( 'checkbox' === $read->type ) {
			$read->value = self::box( $read->value, $field );
		} elseif ( in_array( $read->kind, array( Field_Types::CHOICE, Field_Types::CHOICES ), true ) && ! empty( $field['options'] ) ) {
			$read->value = self::with_labels( $read->value, array_column( (array) $field['options'], 'label', 'value' ) );
		}
		return $read;
	}

	/**
	 * What a single checkbox means (NF_Fields_Checkbox::filter_merge_tag_value() in includes/Fields/Checkbox.php).
	 *
	 * @param mixed $value 1 or "on", or 0 or nothing.
	 * @param array $field The field with its settings.
	 * @return string
	 */
	private static function box( $value, array $field ) {
		$is_checked = ! empty( $value ) && 'off' !== $value;
		$setting    = $is_checked ? 'checked_value' : 'unchecked_value';
		if ( ! empty( $field[ $setting ] ) && is_string( $field[ $setting ] ) ) {
			return Plain_Text::of( $field[ $setting ], Plain_Text::TITLE );
		}
		return $is_checked ? 'Checked' : 'Unchecked';
	}

	/**
	 * A date with a time (NF_Fields_Date in includes/Fields/Date.php).
	 *
	 * @param array $value With date, hour, minute and perhaps ampm.
	 * @return string
	 */
	private static function date_and_time( array $value ) {
		$hour   = isset( $value['hour'] ) ? (string) $value['hour'] : '';
		$minute = isset( $value['minute'] ) ? (string) $value['minute'] : '';
		$time   = '' === $hour ? '' : str_pad( $hour, 2, '0', STR_PAD_LEFT ) . ':' . str_pad( $minute, 2, '0', STR_PAD_LEFT );
		return trim( ( isset( $value['date'] ) ? $value['date'] : '' ) . ' ' . $time . ( '' !== $time && ! empty( $value['ampm'] ) ? ' ' . $value['ampm'] : '' ) );
	}

	/**
	 * The rows of a repeater as texts. Its values have keys such as "9.1_0": field 9.1 in row 0 (NF_Fields_Repeater in
	 * includes/Fields/Repeater.php).
	 *
	 * @param array $values By key, each with value.
	 * @param array $fields The fields of a row, each with id, type and label.
	 * @return string[] Such as "Name: Ann, Age: 7".
	 */
	private static function rows( array $values, array $fields ) {
		$known = array();
		foreach ( $fields as $field ) {
			if ( isset( $field['id'], $field['type'] ) && Field_Types::is_sendable( $field['type'] ) && ! Field_Types::is_file( $field['type'] ) ) {
				$known[ (string) $field['id'] ] = isset( $field['label'] ) ? Plain_Text::from_title( $field['label'] ) : '';
			}
		}
		$rows = array();
		foreach ( $values as $key => $value ) {
			list( $id, $row ) = explode( '_', $key . '_', 3 );
			$text             = isset( $value['value'] ) ? $value['value'] : '';
			$text             = is_array( $text ) ? implode( ', ', array_filter( $text, 'is_scalar' ) ) : trim( Plain_Text::clean( $text ) );
			if ( isset( $known[ $id ] ) && '' !== $text ) {
				$rows[ $row ][] = ( '' === $known[ $id ] ? '' : $known[ $id ] . ': ' ) . $text;
			}
		}
		foreach ( $rows as $row => $texts ) {
			$rows[ $row ] = implode( ', ', $texts );
		}
		return array_values( $rows );
	}

	/**
	 * Its forms.
	 *
	 * @return string[] Titles by id.
	 */
	public function forms() {
		$titles = array();
		foreach ( \Ninja_Forms()->form()->get_forms() as $form ) {
			$titles[ $form->get_id() ] = (string) $form->get_setting( 'title' );
		}
		return array_slice( $titles, 0, self::MOST_FORMS, true );
	}

	/**
	 * The fields of a form.
	 *
	 * @param int|string $form_id The form's id.
	 * @return Form_Field[]
	 */
	public function fields( $form_id ) {
		$fields = array();
		foreach ( \Ninja_Forms()->form( $form_id )->get_fields() as $field ) {
			$fields[] = new Form_Field( $field->get_id(), (string) $field->get_setting( 'label' ), (string) $field->get_setting( 'type' ) );
		}
		return $fields;
	}

	/**
	 * The admin URL of an entry.
	 *
	 * @param int|string $form_id  The form's id.
	 * @param int        $entry_id The entry's id.
	 * @return string
	 */
	public function entry_url( $form_id, $entry_id ) {
		return admin_url( 'post.php?action=edit&post=' . $entry_id );
	}
}
