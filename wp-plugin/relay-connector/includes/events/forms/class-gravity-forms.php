<?php
/**
 * Gravity Forms.
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
 * It fires for spam too. A field with several inputs, such as a name, has one value for each: 1.3, 1.6.
 */
final class Gravity_Forms extends Form_Plugin {

	/**
	 * The inputs of a name (includes/fields/class-gf-field-name.php).
	 */
	const NAME_INPUTS = array(
		'2' => 'prefix',
		'3' => Field_Types::FIRST_NAME,
		'4' => 'middle_name',
		'6' => Field_Types::LAST_NAME,
		'8' => 'suffix',
	);

	/**
	 * The inputs of an address (includes/fields/class-gf-field-address.php).
	 */
	const ADDRESS_INPUTS = array(
		'address_1' => '1',
		'address_2' => '2',
		'city'      => '3',
		'state'     => '4',
		'postcode'  => '5',
		'country'   => '6',
	);

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'gravityforms';
	}

	/**
	 * The plugin's own name.
	 *
	 * @return string
	 */
	public function name() {
		return 'Gravity Forms';
	}

	/**
	 * Whether it is active.
	 *
	 * @return bool
	 */
	public function is_active() {
		return class_exists( '\GFAPI' );
	}

	/**
	 * Registers the hook for its entries.
	 */
	public function add_hooks() {
		add_action( 'gform_after_submission', array( $this, 'on_submission' ), 20, 2 );
	}

	/**
	 * A form was accepted, or stored as spam.
	 *
	 * @param array $values The entry: values by input id, and id, status, source_url and others.
	 * @param array $form   The form: id, title, fields.
	 */
	public function on_submission( $values = array(), $form = array() ) {
		$this->record_entry(
			function () use ( $values, $form ) {
				if ( ! isset( $form['id'] ) || ( isset( $values['status'] ) && 'active' !== $values['status'] ) ) {
					return null;
				}
				$entry           = new Form_Entry( $form['id'], isset( $form['title'] ) ? $form['title'] : '', isset( $values['id'] ) ? (int) $values['id'] : 0 );
				$entry->page_url = isset( $values['source_url'] ) ? $values['source_url'] : '';
				$entry->fields   = $this->read( $form, $values );
				return $entry;
			}
		);
	}

	/**
	 * Its forms.
	 *
	 * @return string[] Titles by id.
	 */
	public function forms() {
		return array_slice( wp_list_pluck( \GFAPI::get_forms(), 'title', 'id' ), 0, self::MOST_FORMS, true );
	}

	/**
	 * The fields of a form.
	 *
	 * @param int|string $form_id The form's id.
	 * @return Form_Field[]
	 */
	public function fields( $form_id ) {
		$form = \GFAPI::get_form( $form_id );
		return is_array( $form ) ? $this->read( $form, array() ) : array();
	}

	/**
	 * The admin URL of an entry.
	 *
	 * @param int|string $form_id  The form's id.
	 * @param int        $entry_id The entry's id.
	 * @return string
	 */
	public function entry_url( $form_id, $entry_id ) {
		return admin_url( 'admin.php?page=gf_entries&view=entry&id=' . $form_id . '&lid=' . $entry_id );
	}

	/**
	 * The fields with their values.
	 *
	 * @param array $form   The form.
	 * @param array $values The entry.
	 * @return Form_Field[]
	 */
	private function read( array $form, array $values ) {
		$fields = array();
		foreach ( isset( $form['fields'] ) ? $form['fields'] : array() as $field ) {
			$label        = '' !== (string) $this->property( $field, 'label' ) ? $this->property( $field, 'label' ) : $this->property( $field, 'adminLabel' );
			$read         = new Form_Field( $this->property( $field, 'id' ), $label, $this->type_of( $field ), $this->value( $field, $values ) );
			$read->format = $this->format_of( $field, $read->kind );
			$read->kind   = 'list' === $read->type ? Field_Types::CHOICES : $read->kind;
			if ( Field_Types::NAME === $read->kind && ! isset( $values[ $read->key ] ) ) {
				$read->set_parts( $this->name_parts( $field, $values ) );
			} elseif ( 'address' === $read->type ) {
				$names = array();
				foreach ( self::ADDRESS_INPUTS as $part => $input ) {
					$names[ $part ] = $read->key . '.' . $input;
				}
				$read->set_address( $values, $names );
			}
			$fields[] = $read;
		}
		return $fields;
	}

	/**
	 * A field's type. For a custom post field, the second property holds the type of the input.
	 *
	 * @param object|array $field The field.
	 * @return string
	 */
	private function type_of( $field ) {
		$type  = (string) $this->property( $field, 'type' );
		$inner = (string) $this->property( $field, 'inputType' );
		return '' !== $inner && ! Field_Types::is_secret( $type ) ? $inner : $type;
	}

	/**
	 * The value.
	 *
	 * @param object|array $field  The field.
	 * @param array        $values The entry.
	 * @return mixed
	 */
	private function value( $field, array $values ) {
		$id     = (string) $this->property( $field, 'id' );
		$type   = $this->type_of( $field );
		$inputs = $this->property( $field, 'inputs' );
		if ( 'consent' === $type ) {
			// The value also holds the consent text and its revision id.
			return isset( $values[ $id . '.1' ] ) ? $values[ $id . '.1' ] : '';
		}
		if ( is_array( $inputs ) && $inputs && ! isset( $values[ $id ] ) ) {
			$parts = array();
			foreach ( $inputs as $input ) {
				$part = isset( $input['id'], $values[ (string) $input['id'] ] ) ? (string) $values[ (string) $input['id'] ] : '';
				if ( '' !== $part ) {
					$parts[] = $part;
				}
			}
			return $parts;
		}
		$value = isset( $values[ $id ] ) ? $values[ $id ] : '';
		if ( 'multiselect' === $type && is_string( $value ) && is_array( json_decode( $value, true ) ) ) {
			return json_decode( $value, true );
		}
		if ( 'list' === $type && is_callable( array( $field, 'get_value_export' ) ) ) {
			// Serialized PHP, which only Gravity Forms should unserialize. For a CSV file it returns the rows.
			return self::rows( $field->get_value_export( $values, $id, true, true ) );
		}
		return $value;
	}

	/**
	 * The rows of a list as texts (GF_Field_List::get_value_export() in includes/fields/class-gf-field-list.php).
	 *
	 * @param mixed $list The rows: texts, or texts by the label of the column.
	 * @return mixed
	 */
	private static function rows( $list ) {
		$rows = array();
		foreach ( is_array( $list ) ? $list : array( $list ) as $row ) {
			$texts = array();
			foreach ( is_array( $row ) ? $row : array() as $label => $text ) {
				if ( is_scalar( $text ) && '' !== (string) $text ) {
					$texts[] = $label . ': ' . $text;
				}
			}
			$rows[] = is_array( $row ) ? implode( ', ', $texts ) : $row;
		}
		return $rows;
	}

	/**
	 * The parts of a name.
	 *
	 * @param object|array $field  The field.
	 * @param array        $values The entry.
	 * @return array[]
	 */
	private function name_parts( $field, array $values ) {
		$parts = array();
		foreach ( (array) $this->property( $field, 'inputs' ) as $input ) {
			$id   = isset( $input['id'] ) ? (string) $input['id'] : '';
			$last = substr( $id, (int) strrpos( $id, '.' ) + 1 );
			if ( isset( $values[ $id ], self::NAME_INPUTS[ $last ] ) ) {
				$label   = empty( $input['customLabel'] ) ? ( isset( $input['label'] ) ? $input['label'] : '' ) : $input['customLabel'];
				$parts[] = array(
					'label' => '' === (string) $label ? $last : $label,
					'kind'  => self::NAME_INPUTS[ $last ],
					'value' => $values[ $id ],
				);
			}
		}
		return $parts;
	}

	/**
	 * How the values of a field are stored. Visitors' text is stripped of tags, not encoded
	 * (GF_Field::sanitize_entry_value() in includes/fields/class-gf-field.php).
	 *
	 * @param object|array $field The field.
	 * @param string       $kind  Its kind.
	 * @return string
	 */
	private function format_of( $field, $kind ) {
		if ( $this->property( $field, 'useRichTextEditor' ) ) {
			return Plain_Text::HTML;
		}
		return in_array( $kind, array( Field_Types::CHOICE, Field_Types::CHOICES ), true ) ? Plain_Text::TITLE : Plain_Text::SANITIZED;
	}

	/**
	 * A property of a field. Fields are ArrayAccess objects, or arrays in old versions.
	 *
	 * @param object|array $field The field.
	 * @param string       $name  The property's name.
	 * @return mixed
	 */
	private function property( $field, $name ) {
		if ( is_object( $field ) ) {
			return isset( $field->$name ) ? $field->$name : '';
		}
		return isset( $field[ $name ] ) ? $field[ $name ] : '';
	}
}
