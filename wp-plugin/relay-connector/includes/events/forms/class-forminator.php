<?php
/**
 * Forminator.
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
 * The hook fires for spam, drafts, abandoned forms and previews too; only active entries that are stored have both a
 * status and an id.
 */
final class Forminator extends Added_Form_Plugin {

	/**
	 * The parts of a name with their labels and kinds (library/fields/name.php).
	 */
	const NAME_PARTS = array(
		'prefix'      => array( 'Prefix', 'prefix' ),
		'first-name'  => array( 'First name', Field_Types::FIRST_NAME ),
		'middle-name' => array( 'Middle name', 'middle_name' ),
		'last-name'   => array( 'Last name', Field_Types::LAST_NAME ),
	);

	/**
	 * The settings that hold the labels of these parts.
	 */
	const PART_LABELS = array(
		'prefix'      => 'prefix_label',
		'first-name'  => 'fname_label',
		'middle-name' => 'mname_label',
		'last-name'   => 'lname_label',
	);

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'forminator';
	}

	/**
	 * The plugin's own name.
	 *
	 * @return string
	 */
	public function name() {
		return 'Forminator';
	}

	/**
	 * Whether it is active.
	 *
	 * @return bool
	 */
	public function is_active() {
		return class_exists( '\Forminator_API', false );
	}

	/**
	 * Registers the hook for its entries.
	 */
	public function add_hooks() {
		add_action( 'forminator_custom_form_submit_before_set_fields', array( $this, 'on_entry' ), 20, 3 );
	}

	/**
	 * An entry was stored; its fields are stored next (Forminator_CForm_Front_Action::save_entry_fields() in
	 * library/modules/custom-forms/front/front-action.php).
	 *
	 * @param object  $entry   With entry_id and status.
	 * @param int     $form_id The form.
	 * @param array[] $values  Each with name, value, field_type and field_array, the settings of the field.
	 */
	public function on_entry( $entry = null, $form_id = 0, $values = array() ) {
		$this->record_entry(
			function () use ( $entry, $form_id, $values ) {
				if ( ! is_object( $entry ) || empty( $entry->entry_id ) || ! isset( $entry->status ) || 'active' !== $entry->status || ! is_array( $values ) ) {
					return null;
				}
				$read  = new Form_Entry( $form_id, $this->title_of( $form_id ), (int) $entry->entry_id );
				$found = array();
				foreach ( $values as $one ) {
					// Others are the visitor's address and technical data.
					if ( isset( $one['name'], $one['field_type'] ) ) {
						$found[ $one['name'] ] = $this->read( (string) $one['name'], $one['field_type'], isset( $one['field_array'] ) ? (array) $one['field_array'] : array(), isset( $one['value'] ) ? $one['value'] : '' );
					}
				}
				// An unchecked box is not among the values.
				foreach ( $this->fields( $form_id ) as $field ) {
					if ( Field_Types::is_consent( $field->type ) && ! isset( $found[ $field->key ] ) ) {
						$found[ $field->key ] = $field;
					}
				}
				$read->fields = array_values( $found );
				return $read;
			}
		);
	}

	/**
	 * Its forms.
	 *
	 * @return string[] Titles by id.
	 */
	public function forms() {
		$titles = array();
		foreach ( (array) \Forminator_API::get_forms( null, 1, self::MOST_FORMS ) as $form ) {
			$titles[ (int) $form->id ] = isset( $form->settings['formName'] ) && '' !== $form->settings['formName'] ? (string) $form->settings['formName'] : (string) $form->name;
		}
		return $titles;
	}

	/**
	 * The fields of a form.
	 *
	 * @param int|string $form_id The form's id.
	 * @return Form_Field[]
	 */
	public function fields( $form_id ) {
		$fields = array();
		$found  = \Forminator_API::get_form_fields( (int) $form_id );
		foreach ( is_array( $found ) ? $found : array() as $field ) {
			$settings = (array) $field->to_array();
			$fields[] = $this->read( (string) $field->slug, isset( $settings['type'] ) ? $settings['type'] : '', $settings, '' );
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
		return admin_url( 'admin.php?page=forminator-entries&form_type=forminator_forms&form_id=' . (int) $form_id );
	}

	/**
	 * A field with its value, which went through sanitize_text_field().
	 *
	 * @param string $slug     Its name in the form, such as name-1.
	 * @param string $type     Its type.
	 * @param array  $settings Its settings.
	 * @param mixed  $value    The value.
	 * @return Form_Field
	 */
	private function read( $slug, $type, array $settings, $value ) {
		$label        = isset( $settings['field_label'] ) ? (string) $settings['field_label'] : '';
		$read         = new Form_Field( $slug, '' === $label ? $slug : $label, 'gdprcheckbox' === $type ? 'gdpr-checkbox' : $type, $value );
		$read->format = 'textarea' === $type && ! empty( $settings['editor-type'] ) && 'false' !== $settings['editor-type'] ? Plain_Text::HTML : Plain_Text::SANITIZED;
		if ( isset( $settings['options'] ) && in_array( $type, array( 'select', 'radio', 'checkbox' ), true ) ) {
			$read->value = self::labels( $value, (array) $settings['options'] );
			$is_multiple = 'checkbox' === $type || ( 'select' === $type && isset( $settings['value_type'] ) && 'multiselect' === $settings['value_type'] );
			$read->kind  = $is_multiple ? Field_Types::CHOICES : Field_Types::CHOICE;
		} elseif ( 'website' === $type ) {
			$read->kind = Field_Types::URL;
		} elseif ( 'name' === $type && is_array( $value ) ) {
			$read->set_parts( self::name_parts( $value, $settings ) );
		} elseif ( 'date' === $type && isset( $value['year'], $value['month'], $value['day'] ) ) {
			$read->value = sprintf( '%04d-%02d-%02d', (int) $value['year'], (int) $value['month'], (int) $value['day'] );
		} elseif ( 'time' === $type && isset( $value['hours'], $value['minutes'] ) ) {
			$read->value = trim( sprintf( '%02d:%02d', (int) $value['hours'], (int) $value['minutes'] ) . ' ' . ( isset( $value['ampm'] ) ? $value['ampm'] : '' ) );
		} elseif ( 'upload' === $type ) {
			$read->value = isset( $value['file']['file_url'] ) ? $value['file']['file_url'] : '';
		}
		return $read;
	}

	/**
	 * The labels of chosen options, which are stored by value.
	 *
	 * @param mixed   $value   The value, or a list of values.
	 * @param array[] $options Each with label and value.
	 * @return string|string[]
	 */
	private static function labels( $value, array $options ) {
		$labels = array();
		foreach ( $options as $option ) {
			if ( isset( $option['label'] ) ) {
				$labels[ (string) ( isset( $option['value'] ) && '' !== $option['value'] ? $option['value'] : $option['label'] ) ] = (string) $option['label'];
			}
		}
		$label = static function ( $one ) use ( $labels ) {
			return is_scalar( $one ) && isset( $labels[ (string) $one ] ) ? $labels[ (string) $one ] : $one;
		};
		return is_array( $value ) ? array_map( $label, array_values( $value ) ) : $label( $value );
	}

	/**
	 * The parts of a name, in the order in which they are read.
	 *
	 * @param array $values   By part.
	 * @param array $settings The settings of the field.
	 * @return array[]
	 */
	private static function name_parts( array $values, array $settings ) {
		$parts = array();
		foreach ( array_intersect_key( self::NAME_PARTS, $values ) as $part => $about ) {
			$label   = self::PART_LABELS[ $part ];
			$parts[] = array(
				'label' => empty( $settings[ $label ] ) ? $about[0] : (string) $settings[ $label ],
				'kind'  => $about[1],
				'value' => $values[ $part ],
			);
		}
		return $parts;
	}
}
