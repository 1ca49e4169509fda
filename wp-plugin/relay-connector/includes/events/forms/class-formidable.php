<?php
/**
 * Formidable Forms.
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
 * It fires for each row of a repeater as for an entry, and for drafts. The hook passes only the id; the values are read
 * from the database.
 */
final class Formidable extends Form_Plugin {

	/**
	 * After its own actions, which run at 20 and may change the entry.
	 */
	const PRIORITY = 30;

	/**
	 * The parts of a name with their labels and kinds.
	 */
	const NAME_PARTS = array(
		'first'  => array( 'First name', Field_Types::FIRST_NAME ),
		'middle' => array( 'Middle name', 'middle_name' ),
		'last'   => array( 'Last name', Field_Types::LAST_NAME ),
	);

	/**
	 * The parts of an address (classes/models/fields/FrmFieldAddress.php).
	 */
	const ADDRESS = array(
		'address_1' => 'line1',
		'address_2' => 'line2',
		'city'      => 'city',
		'state'     => 'state',
		'postcode'  => 'zip',
		'country'   => 'country',
	);

	/**
	 * The labels of choices by value, by the id of the field.
	 *
	 * @var array[]
	 */
	private $choices = array();

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'formidable';
	}

	/**
	 * The plugin's own name.
	 *
	 * @return string
	 */
	public function name() {
		return 'Formidable Forms';
	}

	/**
	 * Whether it is active.
	 *
	 * @return bool
	 */
	public function is_active() {
		return class_exists( '\FrmEntry' );
	}

	/**
	 * Registers the hook for its entries.
	 */
	public function add_hooks() {
		add_action( 'frm_after_create_entry', array( $this, 'on_create' ), self::PRIORITY, 3 );
	}

	/**
	 * An entry was created, or a draft was completed.
	 *
	 * @param int   $entry_id The entry's id.
	 * @param int   $form_id  The form's id.
	 * @param array $about    With is_child: whether it is a row of a repeater.
	 */
	public function on_create( $entry_id = 0, $form_id = 0, $about = array() ) {
		$this->record_entry(
			function () use ( $entry_id, $form_id, $about ) {
				if ( ! empty( $about['is_child'] ) ) {
					return null;
				}
				$kept = \FrmEntry::getOne( $entry_id, true );
				if ( ! $kept || ! empty( $kept->is_draft ) || ! empty( $kept->parent_item_id ) ) {
					return null;
				}
				$entry = new Form_Entry( $form_id, isset( $kept->form_name ) ? $kept->form_name : '', (int) $entry_id );
				foreach ( $this->fields( $form_id ) as $field ) {
					// Empty values are not stored, but an unchecked consent box must still be reported.
					$value        = isset( $kept->metas[ $field->key ] ) ? $kept->metas[ $field->key ] : '';
					$field->value = $value;
					if ( Field_Types::NAME === $field->kind && is_array( $value ) ) {
						$field->set_parts( $this->name_parts( $value ) );
					} elseif ( 'address' === $field->type && is_array( $value ) ) {
						$field->set_address( $value, self::ADDRESS );
					} elseif ( Field_Types::FILE === $field->kind ) {
						$field->value = array_filter( array_map( array( $this, 'file_url' ), (array) $value ) );
					} elseif ( isset( $this->choices[ $field->key ] ) ) {
						$field->value = self::with_labels( $value, $this->choices[ $field->key ] );
					}
					$entry->fields[] = $field;
				}
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
		return array_slice( wp_list_pluck( (array) \FrmForm::get_published_forms(), 'name', 'id' ), 0, self::MOST_FORMS, true );
	}

	/**
	 * The fields of a form.
	 *
	 * @param int|string $form_id The form's id.
	 * @return Form_Field[]
	 */
	public function fields( $form_id ) {
		$fields = array();
		foreach ( (array) \FrmField::get_all_for_form( $form_id, '', 'exclude', 'exclude' ) as $field ) {
			$read         = new Form_Field( $field->id, $field->name, $field->type );
			$read->format = self::format_of( $read );
			// One selected value of several is stored as a text (FrmEntryValidate::validate_field()).
			$read->kind = ! empty( $field->field_options['multiple'] ) && Field_Types::CHOICE === $read->kind ? Field_Types::CHOICES : $read->kind;
			$fields[]   = $read;
			if ( ! empty( $field->field_options['separate_value'] ) && in_array( $read->kind, array( Field_Types::CHOICE, Field_Types::CHOICES ), true ) ) {
				$options                     = isset( $field->options ) ? array_filter( (array) $field->options, 'is_array' ) : array();
				$this->choices[ $read->key ] = array_filter( array_column( $options, 'label', 'value' ), 'is_scalar' );
			}
		}
		return $fields;
	}

	/**
	 * How the values of a field are stored: as they were typed (FrmEntryValidate::validate_field() in
	 * classes/models/FrmEntryValidate.php sanitizes only what it checks). If an add-on sanitizes them, "<" is encoded. Rich
	 * text is HTML.
	 *
	 * @param Form_Field $field The field.
	 * @return string
	 */
	private static function format_of( Form_Field $field ) {
		return 'rte' === $field->type ? Plain_Text::HTML : Plain_Text::SANITIZED;
	}

	/**
	 * The parts of a name (FrmFieldName in classes/models/fields/FrmFieldName.php).
	 *
	 * @param array $values With first, middle, last.
	 * @return array[]
	 */
	private function name_parts( array $values ) {
		$parts = array();
		foreach ( array_intersect_key( self::NAME_PARTS, $values ) as $part => $about ) {
			$parts[] = array(
				'label' => $about[0],
				'kind'  => $about[1],
				'value' => $values[ $part ],
			);
		}
		return $parts;
	}

	/**
	 * The address of an uploaded file, which is stored as an attachment.
	 *
	 * @param mixed $id The attachment's id.
	 * @return string '' if there is none.
	 */
	private function file_url( $id ) {
		return is_numeric( $id ) ? (string) wp_get_attachment_url( (int) $id ) : ( is_string( $id ) ? $id : '' );
	}

	/**
	 * The admin URL of an entry.
	 *
	 * @param int|string $form_id  The form's id.
	 * @param int        $entry_id The entry's id.
	 * @return string
	 */
	public function entry_url( $form_id, $entry_id ) {
		return admin_url( 'admin.php?page=formidable-entries&frm_action=show&id=' . $entry_id );
	}
}
